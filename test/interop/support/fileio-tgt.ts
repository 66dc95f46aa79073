/** Runs examples/fileio_tgt as a user does: a program of its own, with an iSCSI portal. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 10_000;

const root = join(import.meta.dirname, "../../..");

/** From the sources, without a build. */
const FROM_SOURCES = [
  "--import",
  "tsx",
  "--conditions=source",
  join(root, "examples/fileio_tgt/main.ts"),
];

/** From the build, as it is installed. */
export const FROM_BUILD = [join(root, "dist/examples/fileio_tgt/main.js")];

export interface Disk {
  readonly name: string;
  readonly path: string;
}

export interface StartOptions {
  /** fileio_tgt's options, such as `-r`. */
  readonly options?: readonly string[];
  /** What Node runs: the sources unless said. */
  readonly program?: readonly string[];
  /** How another program is told of the disks; `NAME PATH` each unless said. */
  readonly words?: readonly string[];
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it said on stderr. */
  readonly stderr: string;
}

/** A running fileio_tgt. */
export class FileioTgt {
  readonly portal: string;
  /** `iscsi://PORTAL/IQN/LUN`, in the order of the disks. */
  readonly urls: readonly string[];
  /** `nbd://…` and the like where it serves by NBD as well, in the order of the disks. */
  readonly nbdUris: readonly string[];
  readonly #child: ChildProcess;
  readonly #exited: Promise<Exit>;

  private constructor(child: ChildProcess, exited: Promise<Exit>, lines: readonly string[]) {
    this.#child = child;
    this.#exited = exited;
    this.urls = lines.flatMap((line) => line.match(/iscsi:\/\/\S+\/\d+/g) ?? []);
    this.nbdUris = lines.flatMap((line) => line.match(/nbds?(\+unix)?:\/\/\S+/g) ?? []);
    this.portal = /iscsi:\/\/([^/]+)/.exec(this.urls[0] ?? "")?.[1] ?? "";
  }

  /** Starts it on a free port of the loopback interface and waits until it is ready. */
  static async start(disks: readonly Disk[], options: StartOptions = {}): Promise<FileioTgt> {
    const args = [
      ...(options.program ?? FROM_SOURCES),
      "--iscsi",
      "127.0.0.1:0",
      ...(options.options ?? []),
      ...(options.words ?? disks.flatMap(({ name, path }) => [name, path])),
    ];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const exited = exitOf(child);
    const lines = await linesUntilReady(child, exited);
    const target = new FileioTgt(child, exited, lines);
    if (target.urls.length === disks.length) return target;
    throw new Error(`fileio_tgt: ${disks.length} URLs expected, in:\n${lines.join("\n")}`);
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
async function linesUntilReady(child: ChildProcess, exited: Promise<Exit>): Promise<string[]> {
  const lines: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  const ready = new Promise<string[]>((resolve, reject) => {
    timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`fileio_tgt: not ready after ${START_MS_MAX} ms:\n${lines.join("\n")}`));
    }, START_MS_MAX);
    createInterface({ input: child.stdout! }).on("line", (line) => {
      lines.push(line);
      if (/\bready\b/.test(line)) resolve(lines);
    });
  });
  const ended = exited.then(({ code, signal, stderr }): never => {
    throw new Error(
      `fileio_tgt ended at once (${code ?? signal}):\n${lines.join("\n")}\n${stderr}`,
    );
  });
  try {
    return await Promise.race([ready, ended]);
  } finally {
    clearTimeout(timer);
    ended.catch(() => undefined);
  }
}
