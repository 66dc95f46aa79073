import {
  BHS_LENGTH,
  crc32c,
  DIGEST_LENGTH,
  padded,
  putDigest,
} from "../../protocol/iscsi/index.ts";
import { dataDigest } from "./data-digest.ts";
import type { Transport } from "./transport.ts";

/** Payloads up to this length are copied behind their header: one buffer leaves, not many. */
const COPIED_LENGTH_MAX = 8192;

/** Bytes of one slab: a batch of 32 responses of 4 KiB fits. */
const SLAB_LENGTH = 262_144;

/** Slabs kept for the next batch. */
const SPARE_SLAB_COUNT_MAX = 4;

/** What is told when the payload that it lent has left. */
export interface Lender {
  responseSent(delivered: boolean): void;
}

/** Looks at every PDU on its way out. */
export interface PduTap {
  written(
    bytes: Uint8Array,
    at: number,
    data: Uint8Array | undefined,
    offset: number,
    length: number,
  ): void;
}

/** Batches what runs when payloads come back: the core. */
export interface Batcher {
  enter(): void;
  leave(): void;
  defer(work: { flush(): void }): void;
}

interface Slab {
  readonly bytes: Uint8Array;
  /** Batches in flight that look into it. */
  flights: number;
  used: number;
}

/** What one `write` of the last buffer of a batch stands for. */
interface Flight {
  readonly slabs: Slab[];
  readonly lenders: Lender[];
}

/**
 * Gathers the PDUs of a batch and sends them together. Headers are written into a slab; a long
 * payload is sent from where it lies, and its lender hears when the socket has let go of it.
 */
export class PduWriter {
  headerDigest = false;
  dataDigest = false;
  /** Keeps answers for error recovery. */
  tap: PduTap | undefined;
  /** PDUs written, sent or not. */
  pduCount = 0;
  /** Bytes given to the socket. */
  sentLength = 0;
  readonly #transport: Transport;
  readonly #batcher: Batcher;
  #slab: Slab = newSlab();
  readonly #spareSlabs: Slab[] = [];
  /** Where in the slab the bytes begin that no segment has yet. */
  #runStart = 0;
  readonly #segments: Uint8Array[] = [];
  #flight: Flight = { slabs: [], lenders: [] };
  readonly #flights: Flight[] = [];
  readonly #spareFlights: Flight[] = [];
  #scheduled = false;
  #sealed = false;

  constructor(transport: Transport, batcher: Batcher) {
    this.#transport = transport;
    this.#batcher = batcher;
  }

  /** The memory that {@link begin} gives offsets into; ask again after each `begin`. */
  get bytes(): Uint8Array {
    return this.#slab.bytes;
  }

  /** Nothing waits to be written and nothing is under way. */
  get idle(): boolean {
    return this.#flights.length === 0 && !this.#scheduled;
  }

  /** Room for a header, zeroed; where it begins in `bytes`. Fill it in, then call {@link add}. */
  begin(): number {
    this.#room(BHS_LENGTH + DIGEST_LENGTH + COPIED_LENGTH_MAX + 3 + DIGEST_LENGTH);
    const { used, bytes } = this.#slab;
    bytes.fill(0, used, used + BHS_LENGTH);
    return used;
  }

  /** A PDU whose header is in its place, without data. */
  add(): void {
    const { bytes, used } = this.#slab;
    this.#header(0);
    this.tap?.written(bytes, used, undefined, 0, 0);
    this.#schedule();
  }

  /**
   * A PDU with the data segment `data[offset..offset + length)`.
   *
   * @returns whether the data are still needed: then `lender` is told when they are not
   */
  addData(data: Uint8Array, offset: number, length: number, lend: boolean): boolean {
    const { bytes, used } = this.#slab;
    this.#header(length);
    this.tap?.written(bytes, used, data, offset, length);
    const lent = lend && length > COPIED_LENGTH_MAX;
    if (lent) {
      this.#endRun();
      this.#segments.push(data.subarray(offset, offset + length));
    } else {
      this.#copy(data, offset, length);
    }
    const padding = padded(length) - length;
    const slab = this.#slab;
    for (let i = 0; i < padding; i++) slab.bytes[slab.used + i] = 0;
    if (this.dataDigest && length > 0) {
      const crc = dataDigest(data, offset, offset + length);
      const at = slab.used + padding;
      putDigest(slab.bytes, at, crc32c(slab.bytes, slab.used, at, crc));
      slab.used += DIGEST_LENGTH;
    }
    slab.used += padding;
    this.#schedule();
    return lent;
  }

  /** `lender` has lent data of this batch. */
  borrow(lender: Lender): void {
    this.#flight.lenders.push(lender);
  }

  /** Fills in DataSegmentLength and the digest of the header that was begun. */
  #header(dataLength: number): void {
    this.pduCount++;
    const slab = this.#slab;
    const { bytes, used } = slab;
    bytes[used + 5] = dataLength >>> 16;
    bytes[used + 6] = dataLength >>> 8;
    bytes[used + 7] = dataLength;
    const end = used + BHS_LENGTH;
    slab.used = end;
    if (!this.headerDigest) return;
    putDigest(bytes, end, crc32c(bytes, used, end));
    slab.used += DIGEST_LENGTH;
  }

  #copy(data: Uint8Array, offset: number, length: number): void {
    let at = offset;
    const end = offset + length;
    while (at < end) {
      this.#room(1);
      const slab = this.#slab;
      const count = Math.min(end - at, SLAB_LENGTH - slab.used);
      slab.bytes.set(data.subarray(at, at + count), slab.used);
      slab.used += count;
      at += count;
    }
    // Padding and digest follow.
    this.#room(3 + DIGEST_LENGTH);
  }

  /** Goes on to another slab where this one has no `length` bytes left. */
  #room(length: number): void {
    const slab = this.#slab;
    if (SLAB_LENGTH - slab.used >= length) return;
    this.#endRun();
    slab.flights++;
    this.#flight.slabs.push(slab);
    this.#slab = this.#spareSlabs.pop() ?? newSlab();
    this.#runStart = 0;
  }

  #endRun(): void {
    const { bytes, used } = this.#slab;
    if (used > this.#runStart) this.#segments.push(bytes.subarray(this.#runStart, used));
    this.#runStart = used;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#batcher.defer(this);
  }

  /** Sends what was gathered: one write, and one call back. */
  flush(): void {
    this.#scheduled = false;
    this.#endRun();
    const segments = this.#segments;
    if (segments.length === 0) return;
    const flight = this.#flight;
    const slab = this.#slab;
    slab.flights++;
    flight.slabs.push(slab);
    this.#flight = this.#spareFlights.pop() ?? { slabs: [], lenders: [] };
    if (this.#sealed) {
      segments.length = 0;
      this.#settle(flight, false);
      return;
    }
    this.#flights.push(flight);
    for (const { length } of segments) this.sentLength += length;
    const last = segments.length - 1;
    if (last > 0) this.#transport.cork();
    for (let i = 0; i < last; i++) this.#transport.write(segments[i] as Uint8Array);
    this.#transport.write(segments[last] as Uint8Array, this.#landed);
    if (last > 0) this.#transport.uncork();
    segments.length = 0;
  }

  /** Flights land in the order in which they left. */
  readonly #landed = (delivered: boolean): void => {
    const flight = this.#flights.shift();
    if (flight !== undefined) this.#settle(flight, delivered);
  };

  #settle(flight: Flight, delivered: boolean): void {
    const { slabs, lenders } = flight;
    for (const slab of slabs) this.#release(slab);
    slabs.length = 0;
    if (lenders.length > 0) {
      this.#batcher.enter();
      try {
        for (const lender of lenders) lender.responseSent(delivered);
      } finally {
        lenders.length = 0;
        this.#batcher.leave();
      }
    }
    this.#spareFlights.push(flight);
  }

  #release(slab: Slab): void {
    slab.flights--;
    if (slab.flights > 0) return;
    if (slab !== this.#slab) {
      slab.used = 0;
      if (this.#spareSlabs.length < SPARE_SLAB_COUNT_MAX) this.#spareSlabs.push(slab);
    } else if (slab.used === this.#runStart) {
      slab.used = 0;
      this.#runStart = 0;
    }
  }

  /** What comes from now on is dropped; what is under way still is. */
  seal(): void {
    this.#sealed = true;
  }

  /** The socket is gone: nothing will be sent any more, and nothing is needed any more. */
  close(): void {
    this.#sealed = true;
    while (this.#flights.length > 0) this.#landed(false);
    this.flush();
  }
}

function newSlab(): Slab {
  // Buffer.allocUnsafeSlow: not of Node's shared pool, so that the kernel reads whole pages.
  return { bytes: Buffer.allocUnsafeSlow(SLAB_LENGTH), flights: 0, used: 0 };
}
