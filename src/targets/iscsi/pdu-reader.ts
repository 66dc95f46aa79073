import {
  BHS_LENGTH,
  AHS_LENGTH_MAX,
  DIGEST_LENGTH,
  digestAt,
  padded,
} from "../../protocol/iscsi/index.ts";
import { crc32c } from "../../runtime/crc.ts";
import { IscsiCode } from "./errors.ts";

/** What becomes of a PDU's data segment. */
export const Sink = {
  /** It is swallowed. */
  discard: 0,
  /** It is given in one piece with the end of the PDU. */
  whole: 1,
  /** It is given piece by piece as it arrives. */
  stream: 2,
} as const;
export type Sink = (typeof Sink)[keyof typeof Sink];

/** Whoever understands PDUs. All offsets and lengths are bytes. */
export interface PduConsumer {
  /** The header with its additional segments stands at `offset`. */
  header(bytes: Uint8Array, offset: number, ahsLength: number, dataLength: number): Sink;
  /** A piece of a streamed data segment. */
  data(bytes: Uint8Array, offset: number, length: number): void;
  /**
   * The PDU is complete: its header at `offset` of `bytes`, and the data segment of a PDU that
   * is taken whole.
   */
  end(bytes: Uint8Array, offset: number, ahsLength: number, data: Uint8Array): void;
  /** A data digest is wrong; the PDU does not come to its `end`. */
  badData(bytes: Uint8Array, offset: number): void;
  /** The stream can't be followed any further. */
  lost(code: IscsiCode, message: string): void;
}

const NO_DATA = new Uint8Array(0);
const HEADER_LENGTH_MAX = BHS_LENGTH + AHS_LENGTH_MAX + DIGEST_LENGTH;

const Stage = { header: 0, data: 1, tail: 2 } as const;

/**
 * Cuts a stream of bytes into PDUs. Headers and data are used where they arrived; only what
 * crosses the end of a chunk is copied, once.
 */
export class PduReader {
  headerDigest = false;
  dataDigest = false;
  dataSegmentLengthMax: number;
  /** Who gets the PDUs; changes when a login is over. */
  consumer: PduConsumer;
  /** PDUs whose header has come. */
  pduCount = 0;
  #stage: number = Stage.header;
  #stopped = false;
  /** Takes headers that cross chunks. */
  readonly #own = new Uint8Array(HEADER_LENGTH_MAX);
  /** How much of a header is in `#own`. */
  #ownLength = 0;

  // The PDU that is being read.
  #headerBytes: Uint8Array = this.#own;
  #headerOffset = 0;
  #ahsLength = 0;
  #dataLength = 0;
  #dataSeen = 0;
  #sink: Sink = Sink.discard;
  #whole: Uint8Array = NO_DATA;
  #crc = 0;
  /** Padding and data digest: their length, and how much is there. */
  #tailLength = 0;
  #tailSeen = 0;
  readonly #tail = new Uint8Array(3 + DIGEST_LENGTH);

  constructor(consumer: PduConsumer, dataSegmentLengthMax: number) {
    this.consumer = consumer;
    this.dataSegmentLengthMax = dataSegmentLengthMax;
  }

  /** Reads no further, whatever comes. */
  stop(): void {
    this.#stopped = true;
  }

  /** Nothing is left of a PDU that has not come to its end. */
  get between(): boolean {
    return this.#stage === Stage.header && this.#ownLength === 0;
  }

  receive(chunk: Uint8Array, length: number): void {
    let at = 0;
    while (at < length && !this.#stopped) {
      if (this.#stage === Stage.header) at = this.#header(chunk, at, length);
      else if (this.#stage === Stage.data) at = this.#data(chunk, at, length);
      else at = this.#takeTail(chunk, at, length);
    }
    // The chunk goes away: what is still needed of the header must not.
    if (this.#stage !== Stage.header && this.#headerBytes !== this.#own) this.#keepHeader();
  }

  #keepHeader(): void {
    const length = BHS_LENGTH + this.#ahsLength;
    this.#own.set(this.#headerBytes.subarray(this.#headerOffset, this.#headerOffset + length));
    this.#headerBytes = this.#own;
    this.#headerOffset = 0;
  }

  #header(chunk: Uint8Array, at: number, length: number): number {
    if (this.#ownLength === 0 && length - at >= BHS_LENGTH) {
      const needed = this.#headerLength(chunk, at);
      if (length - at >= needed) {
        this.#begin(chunk, at);
        return at + needed;
      }
    }
    return this.#collectHeader(chunk, at, length);
  }

  #headerLength(bytes: Uint8Array, at: number): number {
    const ahsLength = (bytes[at + 4] as number) * 4;
    return BHS_LENGTH + ahsLength + (this.headerDigest ? DIGEST_LENGTH : 0);
  }

  #collectHeader(chunk: Uint8Array, from: number, length: number): number {
    let at = from;
    let needed = this.#ownLength < BHS_LENGTH ? BHS_LENGTH : this.#headerLength(this.#own, 0);
    for (;;) {
      const count = Math.min(needed - this.#ownLength, length - at);
      this.#own.set(chunk.subarray(at, at + count), this.#ownLength);
      this.#ownLength += count;
      at += count;
      if (this.#ownLength < needed) return at;
      const whole = this.#headerLength(this.#own, 0);
      if (whole === needed) break;
      needed = whole;
    }
    this.#ownLength = 0;
    this.#begin(this.#own, 0);
    return at;
  }

  #begin(bytes: Uint8Array, at: number): void {
    this.#ahsLength = (bytes[at + 4] as number) * 4;
    this.#dataLength =
      ((bytes[at + 5] as number) << 16) |
      ((bytes[at + 6] as number) << 8) |
      (bytes[at + 7] as number);
    const end = at + BHS_LENGTH + this.#ahsLength;
    if (this.headerDigest && crc32c(bytes, at, end) !== digestAt(bytes, end)) {
      // RFC 7143, "Digest Errors": without a header there is no next PDU to be found.
      this.#lose(IscsiCode.headerDigest, "a header digest is wrong");
      return;
    }
    if (this.#dataLength > this.dataSegmentLengthMax) {
      this.#lose(
        IscsiCode.dataSegmentLength,
        `a data segment of ${this.#dataLength} bytes: at most ` +
          `${this.dataSegmentLengthMax} may be sent`,
      );
      return;
    }
    this.pduCount++;
    this.#headerBytes = bytes;
    this.#headerOffset = at;
    const sink = this.consumer.header(bytes, at, this.#ahsLength, this.#dataLength);
    if (this.#stopped) return;
    if (this.#dataLength === 0) {
      this.consumer.end(bytes, at, this.#ahsLength, NO_DATA);
      return;
    }
    this.#sink = sink;
    this.#dataSeen = 0;
    this.#crc = 0;
    this.#tailSeen = 0;
    this.#tailLength =
      padded(this.#dataLength) - this.#dataLength + (this.dataDigest ? DIGEST_LENGTH : 0);
    this.#stage = Stage.data;
  }

  #lose(code: IscsiCode, message: string): void {
    this.#stopped = true;
    this.consumer.lost(code, message);
  }

  #data(chunk: Uint8Array, at: number, length: number): number {
    const count = Math.min(this.#dataLength - this.#dataSeen, length - at);
    if (this.dataDigest) this.#crc = crc32c(chunk, at, at + count, this.#crc);
    if (this.#sink === Sink.stream) this.consumer.data(chunk, at, count);
    else if (this.#sink === Sink.whole) this.#collectData(chunk, at, count, length);
    this.#dataSeen += count;
    if (this.#dataSeen === this.#dataLength) {
      if (this.#tailLength > 0) this.#stage = Stage.tail;
      else this.#end();
    }
    return at + count;
  }

  #collectData(chunk: Uint8Array, at: number, count: number, length: number): void {
    if (count === this.#dataLength) {
      this.#whole = chunk.subarray(at, at + count);
      // With its padding in another chunk the data have to be copied (a Buffer's slice is none).
      if (this.#tailLength > 0 && at + count + this.#tailLength > length) {
        this.#whole = new Uint8Array(this.#whole);
      }
      return;
    }
    if (this.#dataSeen === 0) this.#whole = new Uint8Array(this.#dataLength);
    this.#whole.set(chunk.subarray(at, at + count), this.#dataSeen);
  }

  #takeTail(chunk: Uint8Array, at: number, length: number): number {
    const count = Math.min(this.#tailLength - this.#tailSeen, length - at);
    for (let i = 0; i < count; i++) this.#tail[this.#tailSeen + i] = chunk[at + i] as number;
    this.#tailSeen += count;
    if (this.#tailSeen === this.#tailLength) {
      if (this.dataDigest) this.#checkData();
      else this.#end();
    }
    return at + count;
  }

  #checkData(): void {
    const digestOffset = this.#tailLength - DIGEST_LENGTH;
    // Padding is part of what the digest covers.
    const crc = crc32c(this.#tail, 0, digestOffset, this.#crc);
    if (crc === digestAt(this.#tail, digestOffset)) {
      this.#end();
      return;
    }
    this.#stage = Stage.header;
    this.#whole = NO_DATA;
    this.consumer.badData(this.#headerBytes, this.#headerOffset);
  }

  #end(): void {
    this.#stage = Stage.header;
    const whole = this.#whole;
    this.#whole = NO_DATA;
    this.consumer.end(this.#headerBytes, this.#headerOffset, this.#ahsLength, whole);
  }
}
