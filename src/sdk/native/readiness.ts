import type { Koffi } from "../../runtime/koffi.ts";

/** What is needed of koffi's handle on libuv's poll. */
export interface PollHandle {
  start(options: { readable: boolean }, callback: () => void): void;
  stop(): void;
  close(): void;
}

export type OpenPollHandle = (fd: number, callback: () => void) => PollHandle;

export function openPollHandle(ffi: Koffi): OpenPollHandle {
  return (fd, callback) => ffi.node.poll(fd, { readable: true }, callback);
}

/**
 * Calls back from the event loop as long as poll(2) says that there is something to read at a
 * device whose driver may forget who waits: scst_user's does not note the one that asks while
 * something is ready, and epoll asks once, when the file is added to it. Whoever is called back
 * in the very turn in which the file was added may be one of those, and is added again.
 */
export class Readiness {
  readonly #handle: PollHandle;
  readonly #readable: () => void;
  #called = false;
  #closed = false;

  constructor(open: OpenPollHandle, fd: number, readable: () => void) {
    this.#readable = readable;
    // Kept: a handle that nobody holds is collected, and the file is watched no more.
    this.#handle = open(fd, this.#callback);
  }

  /** Resolves when the driver has noted us. */
  async noted(turn: () => Promise<void> = wholeTurn): Promise<void> {
    for (;;) {
      this.#called = false;
      await turn();
      if (!this.#called || this.#closed) return;
      this.#handle.stop();
      this.#handle.start({ readable: true }, this.#callback);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handle.close();
  }

  readonly #callback = (): void => {
    if (this.#closed) return;
    this.#called = true;
    try {
      this.#readable();
    } catch (error) {
      // koffi drops what a callback throws; thrown here it is an uncaught exception, as it should.
      process.nextTick(() => {
        throw error;
      });
    }
  };
}

/** The first one may come in the midst of a turn, after its epoll. */
async function wholeTurn(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
}
