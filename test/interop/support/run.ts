import { spawn } from "node:child_process";

/** How much of a tool's output is kept. */
const OUTPUT_LENGTH_MAX = 16 * 1024 * 1024;

export interface RunResult {
  /** The exit code; -1 where a signal ended the tool. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, in the order of arrival. */
  readonly output: string;
}

export interface RunOptions {
  /** Past this the tool is killed and the run rejects. */
  readonly timeoutMs?: number;
  readonly input?: string;
}

/** Runs a tool to its end. Rejects where it cannot be started or does not end in time. */
export function run(
  command: string,
  args: readonly string[],
  { timeoutMs = 20_000, input = "" }: RunOptions = {},
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    const text = { stdout: "", stderr: "", output: "" };
    // One byte a character: designators in a tool's output are not always text.
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("latin1");
      child[name].on("data", (chunk: string) => {
        if (text.output.length > OUTPUT_LENGTH_MAX) return;
        text[name] += chunk;
        text.output += chunk;
      });
    }
    const line = [command, ...args].join(" ");
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`${line}: no end after ${timeoutMs} ms; so far:\n${text.output}`));
    }, timeoutMs);
    child.on("error", (cause) => {
      clearTimeout(timer);
      reject(new Error(`${line}: ${cause.message}`, { cause }));
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, ...text });
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

/** Runs a tool that has to succeed; gives its output. */
export async function runOk(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, output } = await run(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: exit code ${code}\n${output}`);
  return output;
}
