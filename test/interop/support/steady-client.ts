import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { findProgram } from "./tools.ts";

/** What a qemu-io command ends with. */
const COMMAND_END = /ops; .*ops\/sec\)/;
const CYCLE_MS_MAX = 10_000;
/** A client whose server is gone tries for ever. */
const STOP_MS_MAX = 1000;

/**
 * A client that writes a pattern and reads it back, over one connection, again and again, while
 * others misbehave.
 */
export class SteadyClient {
  readonly #child: ChildProcess;
  readonly #offset: number;
  readonly #length: number;
  readonly #ended: Promise<unknown>;
  #cycles = 0;
  #stopping = false;
  #reading = false;
  #waiting: { cycles: number; resolve: () => void }[] = [];
  /** What went wrong, in qemu-io's words. */
  readonly problems: string[] = [];

  private constructor(url: string, range: { offset: number; length: number }) {
    // qemu-io keeps what it says for itself until its buffer is full, unless it is told not to.
    const args = ["-oL", "qemu-io", "-f", "raw", url];
    this.#child = spawn(findProgram("stdbuf") ?? "", args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#ended = once(this.#child, "close");
    this.#offset = range.offset;
    this.#length = range.length;
    this.#child.stdin!.on("error", () => undefined);
    createInterface({ input: this.#child.stderr! }).on("line", (line) => this.#problem(line));
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      if (/fail|error/i.test(line)) this.#problem(line);
      if (COMMAND_END.test(line)) this.#commandDone();
    });
  }

  /** Resolves once the first cycle is done. */
  static async start(url: string, range: { offset: number; length: number }) {
    const client = new SteadyClient(url, range);
    client.#send("write");
    await client.more(1);
    return client;
  }

  /** Resolves when `count` more cycles are done; rejects where they do not get done. */
  async more(count: number): Promise<void> {
    const cycles = this.#cycles + count;
    let timer: NodeJS.Timeout | undefined;
    const stuck = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const problems = this.problems.join("; ");
        reject(new Error(`the steady client stopped at cycle ${this.#cycles}: ${problems}`));
      }, CYCLE_MS_MAX);
    });
    const done = new Promise<void>((resolve) => this.#waiting.push({ cycles, resolve }));
    try {
      await Promise.race([done, stuck]);
    } finally {
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#child.stdin?.end("quit\n");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS_MAX);
    await this.#ended;
    clearTimeout(timer);
  }

  #problem(line: string): void {
    if (!this.#stopping) this.problems.push(line);
  }

  /** One at a time: of two lines that come together qemu-io leaves the second. */
  #send(verb: "write" | "read"): void {
    const pattern = (this.#cycles % 255) + 1;
    this.#reading = verb === "read";
    this.#child.stdin!.write(`${verb} -P ${pattern} ${this.#offset} ${this.#length}\n`);
  }

  #commandDone(): void {
    if (!this.#reading) {
      this.#send("read");
      return;
    }
    this.#cycles++;
    this.#waiting = this.#waiting.filter(({ cycles, resolve }) => {
      if (cycles <= this.#cycles) resolve();
      return cycles > this.#cycles;
    });
    if (!this.#stopping) this.#send("write");
  }
}
