import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { afterEach, expect } from "vitest";

const root = join(import.meta.dirname, "../../..");
const running = new Set<ChildProcessWithoutNullStreams>();

afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
});

/** A program of the examples, run from its sources; it does not outlive its test. */
export class Program {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<number | string>;
  stdout = "";
  stderr = "";
  #changed: () => void = () => undefined;

  /** @param example the folder under examples/ */
  constructor(example: string, words: readonly string[]) {
    const program = join(root, "examples", example, "main.ts");
    const flags = ["--import", "tsx", "--conditions=source"];
    this.child = spawn(process.execPath, [...flags, program, ...words], { cwd: root });
    running.add(this.child);
    this.child.stdout.on("data", (data: Buffer) => this.#add("stdout", data));
    this.child.stderr.on("data", (data: Buffer) => this.#add("stderr", data));
    this.ended = new Promise((resolve) => {
      this.child.on("close", (code, signal) => {
        running.delete(this.child);
        resolve(code ?? String(signal));
        this.#changed();
      });
    });
  }

  /** Waits until stdout has a line that is `line`. */
  async printed(line: string): Promise<void> {
    while (!this.stdout.split("\n").includes(line)) {
      if (!running.has(this.child)) expect.fail(`ended before it printed ${line}: ${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  #add(stream: "stdout" | "stderr", data: Buffer): void {
    this[stream] += data.toString();
    this.#changed();
  }
}
