import { IscsiCode } from "../errors.ts";
import type { PhaseHost } from "../phase-host.ts";
import type { Task } from "./task.ts";

const NO_BYTES = new Uint8Array(0);

/** Memory of a connection for unsolicited data that come before their command's buffer. */
export class Staging {
  readonly #host: PhaseHost;
  #length = 0;

  constructor(host: PhaseHost) {
    this.#host = host;
  }

  /** Room for all of a task's unsolicited data. */
  give(task: Task): Uint8Array {
    const length = task.unsolicitedMax;
    if (this.#length + length > this.#host.limits.stagingLengthMax) {
      this.#host.fail(IscsiCode.staging, "too much data waits for buffers");
      return NO_BYTES;
    }
    this.#length += length;
    task.staging = new Uint8Array(length);
    return task.staging;
  }

  /** The task, with what it has, was `before`'s. */
  adopt(task: Task, before: Staging): void {
    const length = task.staging?.length ?? 0;
    before.#length -= length;
    this.#length += length;
  }

  /** The task needs it no longer. */
  take(task: Task): void {
    this.#length -= task.staging?.length ?? 0;
    task.staging = undefined;
  }
}
