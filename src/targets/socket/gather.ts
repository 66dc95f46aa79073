import type { Transport } from "./transport.ts";

/** Payloads up to this length are copied behind their header: one buffer leaves, not many. */
export const COPIED_LENGTH_MAX = 8192;

/** Bytes of one slab: a batch of 32 answers of 4 KiB fits. */
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
 * Gathers the messages of a batch and sends them together. Headers and short payloads are written
 * into a slab; a long payload is sent from where it lies, and its lender hears when the socket has
 * let go of it.
 */
export class Gather {
  /** Bytes given to the socket. */
  sentLength = 0;
  readonly #transport: Transport;
  readonly #batcher: Batcher;
  #slab: Slab = newSlab();
  readonly #spareSlabs: Slab[] = [];
  /** Where in the slab the bytes begin that no segment has yet. */
  #runStart = 0;
  readonly #segments: Uint8Array[] = [];
  #lentLength = 0;
  #messageCount = 0;
  #flight: Flight = { slabs: [], lenders: [] };
  readonly #flights: Flight[] = [];
  readonly #spareFlights: Flight[] = [];
  #scheduled = false;
  #sealed = false;

  constructor(transport: Transport, batcher: Batcher) {
    this.#transport = transport;
    this.#batcher = batcher;
  }

  /** The slab: write from {@link used} on, then {@link take}. Ask again after {@link room}. */
  get bytes(): Uint8Array {
    return this.#slab.bytes;
  }

  get used(): number {
    return this.#slab.used;
  }

  /** Bytes lent for this batch so far. */
  get lentLength(): number {
    return this.#lentLength;
  }

  /** Messages gathered that have not left. */
  get messageCount(): number {
    return this.#messageCount;
  }

  /** Nothing waits to be written and nothing is under way. */
  get idle(): boolean {
    return this.#flights.length === 0 && !this.#scheduled;
  }

  /** Goes on to another slab where this one has no `length` bytes left. */
  room(length: number): void {
    const slab = this.#slab;
    if (SLAB_LENGTH - slab.used >= length) return;
    this.#endRun();
    slab.flights++;
    this.#flight.slabs.push(slab);
    this.#slab = this.#spareSlabs.pop() ?? newSlab();
    this.#runStart = 0;
  }

  /** The next `length` bytes of the slab are to be sent. */
  take(length: number): void {
    this.#slab.used += length;
  }

  /** Sends a copy of `data`, which may go over several slabs. */
  copy(data: Uint8Array): void {
    let at = 0;
    while (at < data.length) {
      this.room(1);
      const slab = this.#slab;
      const count = Math.min(data.length - at, SLAB_LENGTH - slab.used);
      const part = count === data.length ? data : data.subarray(at, at + count);
      slab.bytes.set(part, slab.used);
      slab.used += count;
      at += count;
    }
  }

  /** Sends `data` from where it lies; whoever {@link borrow} names hears when it has left. */
  lend(data: Uint8Array): void {
    this.#endRun();
    this.#segments.push(data);
    this.#lentLength += data.length;
  }

  /** `lender` has lent data of this batch. */
  borrow(lender: Lender): void {
    this.#flight.lenders.push(lender);
  }

  #endRun(): void {
    const { bytes, used } = this.#slab;
    if (used > this.#runStart) this.#segments.push(bytes.subarray(this.#runStart, used));
    this.#runStart = used;
  }

  /** A message is whole: it leaves at the end of the batch. */
  schedule(): void {
    this.#messageCount++;
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#batcher.defer(this);
  }

  /** For the core, at the end of a batch. */
  flush(): void {
    this.#scheduled = false;
    this.send();
  }

  /** Sends what was gathered: one write, and one call back. */
  send(): void {
    this.#lentLength = 0;
    this.#messageCount = 0;
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

  /** What comes from now on is dropped; what is under way still is sent. */
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
