import type { Transport } from "../iscsi/transport.ts";

/** Payloads up to this length are copied behind their header: one buffer leaves, not many. */
const COPIED_LENGTH_MAX = 8192;

/** With as much borrowed payload the socket gets to work, while the rest of the batch is made. */
const GATHERED_LENGTH_MAX = 262_144;

/** Room that {@link ReplyWriter.begin} gives for a header. */
const HEADER_LENGTH_MAX = 64;

/** Bytes of one slab: a batch of 32 replies of 4 KiB fits. */
const SLAB_LENGTH = 262_144;

/** Slabs kept for the next batch. */
const SPARE_SLAB_COUNT_MAX = 4;

/** What is told when the payload that it lent has left. */
export interface Lender {
  responseSent(delivered: boolean): void;
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
 * Gathers the replies of a batch and sends them together. Headers are written into a slab; a long
 * payload is sent from where it lies, and its lender hears when the socket has let go of it.
 */
export class ReplyWriter {
  readonly #transport: Transport;
  readonly #batcher: Batcher;
  #slab: Slab = newSlab();
  readonly #spareSlabs: Slab[] = [];
  /** Where in the slab the bytes begin that no segment has yet. */
  #runStart = 0;
  readonly #segments: Uint8Array[] = [];
  #borrowedLength = 0;
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

  /** Room for a header, not zeroed; where it begins in `bytes`. Fill it in, then {@link add}. */
  begin(): number {
    if (SLAB_LENGTH - this.#slab.used < HEADER_LENGTH_MAX + COPIED_LENGTH_MAX) this.#nextSlab();
    return this.#slab.used;
  }

  /** The header that was begun has `length` bytes. */
  add(length: number): void {
    this.#slab.used += length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#batcher.defer(this);
  }

  /** The bytes of a message that is copied. */
  addBytes(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += COPIED_LENGTH_MAX) {
      const part = bytes.subarray(at, at + COPIED_LENGTH_MAX);
      const start = this.begin();
      this.bytes.set(part, start);
      this.add(part.length);
    }
  }

  /** Payload behind the header that was added; `lender` hears when it is no longer needed. */
  addData(data: Uint8Array, lender: Lender): void {
    if (data.length > COPIED_LENGTH_MAX) {
      this.#endRun();
      this.#segments.push(data);
      this.#flight.lenders.push(lender);
      this.#borrowedLength += data.length;
      if (this.#borrowedLength >= GATHERED_LENGTH_MAX) this.#send();
      return;
    }
    if (SLAB_LENGTH - this.#slab.used < data.length) this.#nextSlab();
    this.#slab.bytes.set(data, this.#slab.used);
    this.#slab.used += data.length;
    lender.responseSent(true);
  }

  #nextSlab(): void {
    const slab = this.#slab;
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

  /** For the core, at the end of a batch. */
  flush(): void {
    this.#scheduled = false;
    this.#send();
  }

  /** Sends what was gathered: one write, and one call back. */
  #send(): void {
    this.#borrowedLength = 0;
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
