import { Worker } from "node:worker_threads";

/** How long the end of the process waits for a thread that is in the middle of something. */
const GOODBYE_WAIT_MAX_MS = 1000;

/** The cells that a group and its threads share. */
const STOP = 0;
const GOODBYES = 1;
/** How many messages the group has sent. */
const SENT = 2;
const CELLS = 3;

/** What a thread of a group gets besides its data. */
export interface ThreadStart {
  readonly cells: Int32Array;
  readonly index: number;
  readonly data: unknown;
}

/**
 * Threads that make native calls. Such a thread must not be terminated: Node aborts the whole
 * process when it stops one in the middle of a call. They end by themselves, and the end of the
 * process, however it comes about, waits until they have left off.
 */
export class ThreadGroup {
  readonly #workers: Worker[] = [];
  readonly #cells = new Int32Array(new SharedArrayBuffer(CELLS * Int32Array.BYTES_PER_ELEMENT));
  readonly #exits: Promise<void>[] = [];
  readonly #atExit = (): void => this.#leaveOff();
  readonly #running = new Set<number>();
  readonly #wake: () => void;

  /**
   * @param received gets what the threads send, and their indexes
   * @param options.wake ends calls that threads wait in: the end of the process can't
   */
  constructor(
    module: URL,
    data: readonly unknown[],
    received: (message: unknown, index: number) => void,
    options: { readonly wake?: () => void } = {},
  ) {
    this.#wake = options.wake ?? (() => undefined);
    process.on("exit", this.#atExit);
    for (const [index, own] of data.entries()) {
      const start: ThreadStart = { cells: this.#cells, index, data: own };
      const worker = new Worker(module, {
        workerData: start,
      });
      this.#running.add(index);
      worker.on("message", (message: unknown) => received(message, index));
      // As if it had been thrown here: a thread that is gone can't answer for its commands.
      worker.on("error", (error) => {
        this.#running.delete(index);
        process.nextTick(() => {
          throw error;
        });
      });
      this.#exits.push(
        new Promise((resolve) => {
          worker.once("exit", () => {
            this.#running.delete(index);
            resolve();
          });
        }),
      );
      this.#workers.push(worker);
    }
  }

  send(message: unknown): void {
    // oxlint-disable-next-line require-post-message-target-origin -- a worker, not a window
    for (const worker of this.#workers) worker.postMessage(message);
    Atomics.add(this.#cells, SENT, 1);
  }

  /** Resolves when every thread has ended by itself. */
  async ended(): Promise<void> {
    await Promise.all(this.#exits);
    process.removeListener("exit", this.#atExit);
  }

  #leaveOff(): void {
    Atomics.store(this.#cells, STOP, 1);
    this.send(LEAVE_OFF);
    this.#wake();
    const deadline = performance.now() + GOODBYE_WAIT_MAX_MS;
    for (;;) {
      const goodbyes = Atomics.load(this.#cells, GOODBYES);
      const left = deadline - performance.now();
      if (goodbyes >= this.#running.size || left <= 0) return;
      Atomics.wait(this.#cells, GOODBYES, goodbyes, left);
    }
  }
}

/** The message that the end of the process sends. */
export const LEAVE_OFF = "leave off";

/** Whether the process is ending: no native calls any more. */
export function mustStop({ cells }: ThreadStart): boolean {
  return Atomics.load(cells, STOP) !== 0;
}

/** How many messages the thread's group has sent: a thread that waits in calls looks by itself. */
export function sentCount({ cells }: ThreadStart): number {
  return Atomics.load(cells, SENT);
}

/** What a thread does last when it is told to {@link LEAVE_OFF}: it makes no call any more. */
export function leaveOff({ cells }: ThreadStart): never {
  Atomics.add(cells, GOODBYES, 1);
  Atomics.notify(cells, GOODBYES);
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
