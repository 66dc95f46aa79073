/** Runs a program of the examples as a user does: a process of its own, until it is told to end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 10_000;

const root = join(import.meta.dirname, "../../..");

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it said on stderr. */
  readonly stderr: string;
}

/** What Node runs for an example's program from the sources, without a build. */
export function fromSources(example: string): string[] {
  return ["--import", "tsx", "--conditions=source", join(root, `examples/${example}/main.ts`)];
}

/** The same from the build, as it is installed. */
export function fromBuild(example: string): string[] {
  return [join(root, `dist/examples/${example}/main.js`)];
}

/** A running server that has said that it is ready. */
export class ServerProgram {
  /** What it said until then, on stdout. */
  readonly lines: readonly string[];
  readonly #child: ChildProcess;
  readonly #exited: Promise<Exit>;

  private constructor(child: ChildProcess, exited: Promise<Exit>, lines: readonly string[]) {
    this.#child = child;
    this.#exited = exited;
    this.lines = lines;
  }

  /** @param args of Node */
  static async start(name: string, args: readonly string[]): Promise<ServerProgram> {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const exited = exitOf(child);
    return new ServerProgram(child, exited, await linesUntilReady(name, child, exited));
  }

  /** `iscsi://PORTAL/IQN/LUN`, in the order of the lines. */
  get urls(): string[] {
    return this.lines.flatMap((line) => line.match(/iscsi:\/\/\S+\/\d+/g) ?? []);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Asks it to end, as an operator does, and waits for it. */
  async stop(): Promise<Exit> {
    return this.#end("SIGTERM");
  }

  /** Ends it without a chance to tidy up. */
  async kill(): Promise<Exit> {
    return this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals): Promise<Exit> {
    if (this.running) this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS_MAX);
    const exit = await this.#exited;
    clearTimeout(timer);
    return exit;
  }

  /** After a test that may have failed anywhere. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

async function exitOf(child: ChildProcess): Promise<Exit> {
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  process.off("exit", kill);
  return { code, signal, stderr };
}

/** The lines of stdout up to the one that says "ready"; later ones are read and dropped. */
async function linesUntilReady(
  name: string,
  child: ChildProcess,
  exited: Promise<Exit>,
): Promise<string[]> {
  const lines: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  const ready = new Promise<string[]>((resolve, reject) => {
    timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`${name}: not ready after ${START_MS_MAX} ms:\n${lines.join("\n")}`));
    }, START_MS_MAX);
    createInterface({ input: child.stdout! }).on("line", (line) => {
      lines.push(line);
      if (/\bready\b/.test(line)) resolve(lines);
    });
  });
  const ended = exited.then(({ code, signal, stderr }): never => {
    throw new Error(`${name} ended at once (${code ?? signal}):\n${lines.join("\n")}\n${stderr}`);
  });
  try {
    return await Promise.race([ready, ended]);
  } finally {
    clearTimeout(timer);
    ended.catch(() => undefined);
  }
}
