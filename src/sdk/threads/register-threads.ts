import { SystemError, UsageError } from "../../protocol/errors.ts";
import { SCST_USER_UNREGISTER_DEVICE } from "../../protocol/scst/index.ts";
import type { Channel } from "../channel/channel.ts";
import { type KernelChannelOptions, openKernelChannel } from "../channel/kernel.ts";
import type { DeviceStatistics, Report } from "../device/device-loop.ts";
import {
  type BufferPoolOptions,
  type DeviceServer,
  OpenDevice,
  type RegisteredDevice,
  registerWith,
} from "../device/register-device.ts";
import type { DeviceHandler } from "../handler.ts";
import { MappedSource } from "../native/mapped-memory.ts";
import type {
  Description,
  DeviceThreadData,
  FromThread,
  ToThread,
} from "./device-thread-messages.ts";
import { type ArenaDirectory, arenaDirectory, SharedArena } from "./shared-arena.ts";
import { sessionTable } from "./shared-sessions.ts";
import { statisticsOfAll, statisticsTable } from "./shared-statistics.ts";
import { ThreadGroup } from "./thread-group.ts";

/** A device is served by at most so many threads. */
const THREADS_MAX = 64;

export interface ThreadsOptions extends KernelChannelOptions {
  /** The module whose export `makeHandler` makes the handler: a {@link HandlerFactory}. */
  readonly module: URL;
  /** For the handler's module: cloned for each thread. */
  readonly data?: unknown;
  /** How many threads, each with a handler of its own, from 1 to 64. */
  readonly threads: number;
  /**
   * Whether the threads wait for commands in the kernel, as those of SCST's own program do: it
   * spares a turn of the event loop for each command that comes alone. Such a thread gets no
   * commands while its handler has some that it has not answered, and timers and sockets of its
   * handler wait for the next command. Default: false.
   */
  readonly blocking?: boolean;
  readonly bufferPool?: BufferPoolOptions;
  /** Told of what goes wrong in a handler: by default, nobody. */
  readonly report?: Report;
}

/** A device that threads serve; its `handler` has no callbacks. */
export interface ThreadedDevice extends RegisteredDevice {
  /** Has each handler's module hear of `message`, by {@link HandlerContext.onTold}. */
  tell(message: unknown): void;
}

/**
 * Registers a device with the kernel's SCST that several threads serve, each with a handler of its
 * own. A session is attached and detached at one of them, whichever; its commands come to all.
 *
 * @throws UsageError what is wrong with the handler, or the count of threads
 * @throws SystemError what the kernel answered, as {@link kernelChannel} and {@link registerDevice}
 */
export async function registerThreadedDevice(
  name: string,
  options: ThreadsOptions,
): Promise<ThreadedDevice> {
  const { threads } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > THREADS_MAX) {
    throw new UsageError(
      "THREADS",
      `${threads} threads: it must be a whole number from 1 to ${THREADS_MAX}`,
    );
  }
  const arena = arenaDirectory();
  // Of several each would take commands from the others by being awake, and see a gain in it.
  const { awakeTimeUsMax = threads > 1 ? 0 : undefined } = options;
  const channel = openKernelChannel(
    { ...options, awakeTimeUsMax },
    () => new SharedArena(new MappedSource(), arena),
    options.blocking,
  );
  const server = new DeviceThreads(channel, name, options, arena);
  try {
    const handler = handlerOf(await server.described());
    await registerWith(channel, name, handler, options.bufferPool);
    await server.serve(channel.file.fd);
    return new OpenThreadedDevice(channel, name, handler, server);
  } catch (error) {
    await server.close();
    await channel.close();
    await server.idle();
    throw error;
  }
}

class OpenThreadedDevice extends OpenDevice implements ThreadedDevice {
  readonly #threads: DeviceThreads;

  constructor(channel: Channel, name: string, handler: DeviceHandler, threads: DeviceThreads) {
    super(channel, name, handler, threads);
    this.#threads = threads;
  }

  tell(message: unknown): void {
    this.#threads.tell(message);
  }
}

/** The threads' side of the device, as the one that registers it sees them. */
class DeviceThreads implements DeviceServer {
  readonly #channel: Channel;
  readonly #group: ThreadGroup;
  readonly #count: number;
  readonly #counts: Float64Array;
  readonly #report: Report;
  #blocking: boolean;
  #description: Description | undefined;
  /** What is waited for, and how many threads have not said it. */
  #awaited: { kind: FromThread["kind"]; left: number; resolve: () => void } | undefined;
  #refuse: (cause: Error) => void = () => undefined;
  #described: Promise<void>;

  constructor(channel: Channel, name: string, options: ThreadsOptions, arena: ArenaDirectory) {
    const { threads, module, data: handlerData, report = () => undefined } = options;
    const { blocking = false } = options;
    this.#blocking = blocking;
    this.#channel = channel;
    this.#count = threads;
    this.#report = report;
    this.#counts = statisticsTable(threads);
    const data: DeviceThreadData = {
      name,
      path: channel.name,
      module: module.href,
      handlerData,
      arena,
      sessions: sessionTable(),
      awakeTimeUsMax: channel.awakeTimeUsMax,
      blocking,
      counts: this.#counts,
    };
    this.#described = this.#all("described");
    this.#group = new ThreadGroup(
      threadModule(),
      Array.from({ length: threads }, () => data),
      (message) => this.#received(message as FromThread),
      { wake: () => this.#unblock() },
    );
  }

  /** Has the threads wait in their event loops from now on, where they hear of everything. */
  #unblock(): void {
    if (!this.#blocking) return;
    this.#blocking = false;
    this.#send({ kind: "unblocked" });
    // All that it does nowadays: calls that wait come back, and none waits any more.
    this.#channel.ioctl(SCST_USER_UNREGISTER_DEVICE, 0);
  }

  /** What the handlers are: all the same. */
  async described(): Promise<Description> {
    await this.#described;
    return this.#description as Description;
  }

  async serve(fd: number): Promise<void> {
    await this.#ask({ kind: "serve", fd }, "serving");
  }

  get statistics(): DeviceStatistics {
    return statisticsOfAll(this.#counts);
  }

  drain(): Promise<void> {
    this.#unblock();
    return this.#ask({ kind: "drain" }, "drained");
  }

  /** Resolves when no thread asks anything of the core any more. */
  close(): Promise<void> {
    this.#unblock();
    return this.#ask({ kind: "close" }, "closed");
  }

  /** Resolves when every handler is idle and closed. */
  idle(): Promise<void> {
    return this.#group.ended();
  }

  tell(message: unknown): void {
    this.#send({ kind: "told", message });
  }

  #send(message: ToThread): void {
    this.#group.send(message);
  }

  #ask(message: ToThread, answer: FromThread["kind"]): Promise<void> {
    const answered = this.#all(answer);
    this.#send(message);
    return answered;
  }

  #all(kind: FromThread["kind"]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#refuse = reject;
      this.#awaited = { kind, left: this.#count, resolve };
    });
  }

  #received(message: FromThread): void {
    if (message.kind === "report") {
      this.#report(message.code, message.message, message.cause);
    } else if (message.kind === "refused") {
      this.#refuse(errorOf(message));
    } else if (message.kind === "failed") {
      // Its commands would wait for ever.
      this.#unblock();
      void this.#channel.close();
    } else if (this.#awaited?.kind === message.kind) {
      if (message.kind === "described") this.#description = message.description;
      this.#awaited.left--;
      if (this.#awaited.left === 0) this.#awaited.resolve();
    }
  }
}

function errorOf({ code, errno, message }: FromThread & { kind: "refused" }): Error {
  return errno === undefined
    ? new UsageError(code, message)
    : new SystemError(code, Math.abs(errno), message);
}

/** This file's neighbour: compiled as this one, or not. */
function threadModule(): URL {
  const suffix = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./device-thread.${suffix}`, import.meta.url);
}

function handlerOf({ type, blockSize, options }: Description): DeviceHandler {
  const elsewhere = (): never => {
    throw new UsageError("ELSEWHERE", "the handler of this device is in its threads");
  };
  return { type, blockSize, options, exec: elsewhere };
}
