/** Copies one segment: READ(16) commands to the source, WRITE(16) ones to the destination. */
import { SENSE, STATUS } from "../../protocol/scsi/index.ts";
import type { Command } from "../command.ts";
import { type InternalOwner, read16, submitInternal, write16 } from "../internal-command.ts";
import type { Nexus } from "../nexus.ts";
import { accessFailure, commandFailure, type Failure, type Side } from "./failure.ts";
import { RETRIED_FOR_MS, retryDelayOf } from "./retry.ts";
import { TRANSFER_LENGTH_MAX, TRANSFERS_IN_FLIGHT_MAX } from "./limits.ts";

/** What goes where; the length is in whole blocks of both. */
export interface Extent {
  readonly source: Nexus;
  readonly sourceLba: number;
  readonly destination: Nexus;
  readonly destinationLba: number;
  readonly lengthBytes: number;
}

export class SegmentCopy {
  readonly #parent: Command;
  readonly #extent: Extent;
  readonly #done: (failure: Failure | undefined) => void;
  readonly #inFlightMax: number;
  readonly #descending: boolean;
  readonly #transferLength: number;
  #started = 0;
  #written = 0;
  #inFlight = 0;
  #running = false;
  #failure: Failure | undefined;

  /**
   * @param done called when all is copied, or when something failed or `parent` was aborted and
   *   nothing is under way any more
   */
  constructor(parent: Command, extent: Extent, done: (failure: Failure | undefined) => void) {
    this.#parent = parent;
    this.#extent = extent;
    this.#done = done;
    // Nothing may be overwritten before it has been read: one after the other, from the end on
    // which the destination lies.
    const overlapping = overlaps(extent);
    this.#inFlightMax = overlapping ? 1 : TRANSFERS_IN_FLIGHT_MAX;
    this.#descending = overlapping && extent.destinationLba > extent.sourceLba;
    // Block sizes are powers of two: the larger one is a multiple of the other.
    const { source, destination } = extent;
    this.#transferLength = Math.max(
      TRANSFER_LENGTH_MAX,
      source.device.blockSize,
      destination.device.blockSize,
    );
  }

  /** Bytes that are at the destination. */
  get written(): number {
    return this.#written;
  }

  /** Keeps the devices busy until nothing is left. */
  run(): void {
    // Transfers that end at once neither recurse nor end the copy in the loop.
    this.#running = true;
    while (this.#inFlight < this.#inFlightMax && this.#goesOn) this.#startNext();
    this.#running = false;
    if (this.#inFlight === 0) this.#done(this.#failure);
  }

  get #goesOn(): boolean {
    return (
      this.#failure === undefined &&
      !this.#parent.aborted &&
      this.#started < this.#extent.lengthBytes
    );
  }

  #startNext(): void {
    const { source, sourceLba, destination, destinationLba, lengthBytes } = this.#extent;
    const length = Math.min(this.#transferLength, lengthBytes - this.#started);
    const at = this.#descending ? lengthBytes - this.#started - length : this.#started;
    this.#started += length;
    this.#inFlight++;
    const transfer = {
      source,
      sourceLba: sourceLba + at / source.device.blockSize,
      destination,
      destinationLba: destinationLba + at / destination.device.blockSize,
      lengthBytes: length,
    };
    new Transfer(this.#parent, transfer, (failure) => this.#ended(length, failure)).read();
  }

  #ended(length: number, failure: Failure | undefined): void {
    if (failure !== undefined) this.#failure ??= failure;
    else if (!this.#parent.aborted) this.#written += length;
    this.#inFlight--;
    if (!this.#running) this.run();
  }
}

function overlaps({ source, sourceLba, destination, destinationLba, lengthBytes }: Extent) {
  if (source.device !== destination.device) return false;
  return Math.abs(sourceLba - destinationLba) < lengthBytes / source.device.blockSize;
}

const NOTHING = new Uint8Array(0);

/** One READ(16) and the WRITE(16) of its data. */
class Transfer implements InternalOwner {
  readonly #parent: Command;
  readonly #extent: Extent;
  readonly #done: (failure: Failure | undefined) => void;
  #side: Side = "source";
  /** What is to be written, until the WRITE has its buffer. */
  #data: Uint8Array | undefined;
  /** By the clock; undefined while nothing has been tried twice. */
  #retriedUntil: number | undefined;

  constructor(parent: Command, extent: Extent, done: (failure: Failure | undefined) => void) {
    this.#parent = parent;
    this.#extent = extent;
    this.#done = done;
  }

  read(): void {
    const { source, sourceLba, lengthBytes } = this.#extent;
    const failure = accessFailure("source", source);
    if (failure !== undefined) {
      this.#done(failure);
      return;
    }
    const cdb = read16(sourceLba, lengthBytes / source.device.blockSize);
    submitInternal(this.#parent, source.lun, cdb, this);
  }

  #write(data: Uint8Array): void {
    const { destination, destinationLba, lengthBytes } = this.#extent;
    const failure = accessFailure("destination", destination);
    if (failure !== undefined) {
      this.#done(failure);
      return;
    }
    const cdb = write16(destinationLba, lengthBytes / destination.device.blockSize);
    this.#side = "destination";
    this.#data = data;
    submitInternal(this.#parent, destination.lun, cdb, this);
    // The WRITE waits for its buffer, and the READ gives up its own when this returns.
    if (this.#data !== undefined) this.#data = data.slice();
  }

  fill(command: Command): void {
    command.data.set(this.#data!);
    this.#data = undefined;
  }

  ended(command: Command): void {
    if (this.#retries(command)) return;
    this.#data = undefined;
    this.#retriedUntil = undefined;
    const failure = this.#failureOf(command);
    if (failure === undefined && this.#side === "source" && !this.#parent.aborted) {
      this.#write(command.data);
    } else {
      this.#done(failure);
    }
  }

  /** The device may take it later: until then the segment waits. */
  #retries(command: Command): boolean {
    if (command.status === STATUS.GOOD || this.#parent.aborted) return false;
    const { clock } = this.#parent.session.core;
    const delayMs = retryDelayOf(command, this.#retriedUntil !== undefined);
    this.#retriedUntil ??= clock.now() + RETRIED_FOR_MS;
    if (delayMs === undefined || clock.now() >= this.#retriedUntil) return false;
    // What is to be written: in the WRITE's buffer, unless the WRITE did not get that far.
    const data = this.#side === "source" ? NOTHING : (this.#data ?? command.data).slice();
    clock.after(delayMs, () => this.#again(data));
    return true;
  }

  #again(data: Uint8Array): void {
    const { core } = this.#parent.session;
    core.enter();
    try {
      if (this.#parent.aborted) this.#done(undefined);
      else if (this.#side === "source") this.read();
      else this.#write(data);
    } finally {
      core.leave();
    }
  }

  #failureOf(command: Command): Failure | undefined {
    if (command.aborted) return { condition: SENSE.THIRD_PARTY_DEVICE_FAILURE };
    if (command.status !== STATUS.GOOD) return commandFailure(this.#side, command);
    if (this.#side === "source" && command.responseLength !== this.#extent.lengthBytes) {
      return { condition: SENSE.COPY_TARGET_DEVICE_DATA_UNDERRUN };
    }
    return undefined;
  }
}
