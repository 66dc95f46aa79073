import { IscsiCode } from "../errors.ts";
import type { PhaseHost } from "../phase-host.ts";
import type { Task } from "./task.ts";

const NO_BYTES = new Uint8Array(0);

/** Memory that is kept for the next task: of a stream of writes each wants as much as the last. */
const SPARE_LENGTH_MAX = 2 * 1024 * 1024;

/** Memory of a connection for unsolicited data that come before their command's buffer. */
export class Staging {
  readonly #host: PhaseHost;
  #length = 0;
  readonly #spares: Uint8Array[] = [];
  #spareLength = 0;

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
    task.staging = this.#spareOf(length) ?? new Uint8Array(length);
    return task.staging;
  }

  /** What an earlier task left in it is written over: no command runs before its data are there. */
  #spareOf(length: number): Uint8Array | undefined {
    const spare = this.#spares.pop();
    this.#spareLength -= spare?.length ?? 0;
    return spare?.length === length ? spare : undefined;
  }

  /** The task, with what it has, was `before`'s. */
  adopt(task: Task, before: Staging): void {
    const length = task.staging?.length ?? 0;
    before.#length -= length;
    this.#length += length;
  }

  /** The task needs it no longer. */
  take(task: Task): void {
    const { staging } = task;
    task.staging = undefined;
    if (staging === undefined) return;
    this.#length -= staging.length;
    if (this.#spareLength + staging.length > SPARE_LENGTH_MAX) return;
    this.#spares.push(staging);
    this.#spareLength += staging.length;
  }
}
