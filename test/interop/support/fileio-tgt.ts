/** Runs examples/fileio_tgt as a user does: a program of its own, with an iSCSI portal. */
import { type Exit, fromBuild, fromSources, ServerProgram } from "./server-program.ts";

/** From the build, as it is installed. */
export const FROM_BUILD = fromBuild("fileio_tgt");

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

/** A running fileio_tgt. */
export class FileioTgt {
  readonly portal: string;
  /** `iscsi://PORTAL/IQN/LUN`, in the order of the disks. */
  readonly urls: readonly string[];
  /** `nbd://…` and the like where it serves by NBD as well, in the order of the disks. */
  readonly nbdUris: readonly string[];
  readonly #program: ServerProgram;

  private constructor(program: ServerProgram) {
    this.#program = program;
    this.urls = program.urls;
    this.nbdUris = program.lines.flatMap((line) => line.match(/nbds?(\+unix)?:\/\/\S+/g) ?? []);
    this.portal = /iscsi:\/\/([^/]+)/.exec(this.urls[0] ?? "")?.[1] ?? "";
  }

  /** Starts it on a free port of the loopback interface and waits until it is ready. */
  static async start(disks: readonly Disk[], options: StartOptions = {}): Promise<FileioTgt> {
    const words = [
      ...(options.program ?? fromSources("fileio_tgt")),
      "--iscsi",
      "127.0.0.1:0",
      ...(options.options ?? []),
      ...(options.words ?? disks.flatMap(({ name, path }) => [name, path])),
    ];
    return await FileioTgt.#launch(words, disks.length);
  }

  /** Starts it with a configuration file, by which there are so many ways to its disks. */
  static async startConfig(path: string, urlCount: number): Promise<FileioTgt> {
    return await FileioTgt.#launch([...fromSources("fileio_tgt"), "--config", path], urlCount);
  }

  static async #launch(words: readonly string[], urlCount: number): Promise<FileioTgt> {
    const program = await ServerProgram.start("fileio_tgt", words);
    const target = new FileioTgt(program);
    if (target.urls.length === urlCount) return target;
    throw new Error(`fileio_tgt: ${urlCount} URLs expected, in:\n${program.lines.join("\n")}`);
  }

  get pid(): number {
    return this.#program.pid;
  }

  get running(): boolean {
    return this.#program.running;
  }

  /** Asks it to end, as an operator does, and waits for it. */
  stop(): Promise<Exit> {
    return this.#program.stop();
  }

  /** Ends it without a chance to tidy up. */
  kill(): Promise<Exit> {
    return this.#program.kill();
  }

  /** After a test that may have failed anywhere. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
