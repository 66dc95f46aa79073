import { BHS_LENGTH, DIGEST_LENGTH, padded, putDigest } from "../../protocol/iscsi/index.ts";
import { type Batcher, COPIED_LENGTH_MAX, Gather, type Lender } from "../socket/gather.ts";
import type { Transport } from "../socket/transport.ts";
import { crc32c } from "../../runtime/crc.ts";

/**
 * So many PDUs leave together. The initiator works while the rest of a batch is carried out here,
 * and has its next commands ready when that is over. Half of so many cost more than they gain
 * where many connections are busy.
 */
const GATHERED_COUNT_MAX = 16;

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

const PADDING_LENGTH_MAX = 3;
const TRAILER_LENGTH_MAX = PADDING_LENGTH_MAX + DIGEST_LENGTH;

/** Writes PDUs, with their digests, and sends those of a batch together. */
export class PduWriter {
  headerDigest = false;
  dataDigest = false;
  /** Keeps answers for error recovery. */
  tap: PduTap | undefined;
  /** PDUs written, sent or not. */
  pduCount = 0;
  readonly #out: Gather;

  constructor(transport: Transport, batcher: Batcher) {
    this.#out = new Gather(transport, batcher);
  }

  /** The memory that {@link begin} gives offsets into; ask again after each `begin`. */
  get bytes(): Uint8Array {
    return this.#out.bytes;
  }

  /** Bytes given to the socket. */
  get sentLength(): number {
    return this.#out.sentLength;
  }

  /** Nothing waits to be written and nothing is under way. */
  get idle(): boolean {
    return this.#out.idle;
  }

  /** Room for a header, zeroed; where it begins in `bytes`. Fill it in, then call {@link add}. */
  begin(): number {
    const out = this.#out;
    // All that were begun before are whole, and those who lent their data are noted.
    if (out.messageCount >= GATHERED_COUNT_MAX) out.send();
    out.room(BHS_LENGTH + DIGEST_LENGTH + COPIED_LENGTH_MAX + TRAILER_LENGTH_MAX);
    const { used } = out;
    out.bytes.fill(0, used, used + BHS_LENGTH);
    return used;
  }

  /** A PDU whose header is in its place, without data. */
  add(): void {
    const { bytes, used } = this.#out;
    this.#header(0);
    this.tap?.written(bytes, used, undefined, 0, 0);
    this.#out.schedule();
  }

  /**
   * A PDU with the data segment `data[offset..offset + length)`.
   *
   * @returns whether the data are still needed: then {@link borrow} says who is told when they
   *   are not
   */
  addData(data: Uint8Array, offset: number, length: number, lend: boolean): boolean {
    const out = this.#out;
    const { bytes, used } = out;
    this.#header(length);
    this.tap?.written(bytes, used, data, offset, length);
    const segment = data.subarray(offset, offset + length);
    const lent = lend && length > COPIED_LENGTH_MAX;
    if (lent) out.lend(segment);
    else out.copy(segment);
    this.#trailer(data, offset, length);
    out.schedule();
    return lent;
  }

  /** `lender` has lent data of this batch. */
  borrow(lender: Lender): void {
    this.#out.borrow(lender);
  }

  /** Fills in DataSegmentLength and the digest of the header that was begun. */
  #header(dataLength: number): void {
    this.pduCount++;
    const out = this.#out;
    const { bytes, used } = out;
    bytes[used + 5] = dataLength >>> 16;
    bytes[used + 6] = dataLength >>> 8;
    bytes[used + 7] = dataLength;
    out.take(BHS_LENGTH);
    if (!this.headerDigest) return;
    const end = used + BHS_LENGTH;
    putDigest(bytes, end, crc32c(bytes, used, end));
    out.take(DIGEST_LENGTH);
  }

  /** Padding, and the digest of data and padding. */
  #trailer(data: Uint8Array, offset: number, length: number): void {
    const out = this.#out;
    out.room(TRAILER_LENGTH_MAX);
    const { bytes, used } = out;
    const end = used + padded(length) - length;
    for (let at = used; at < end; at++) bytes[at] = 0;
    out.take(end - used);
    if (!this.dataDigest || length === 0) return;
    const crc = crc32c(data, offset, offset + length);
    putDigest(bytes, end, crc32c(bytes, used, end, crc));
    out.take(DIGEST_LENGTH);
  }

  /** Sends what was gathered. */
  flush(): void {
    this.#out.flush();
  }

  /** What comes from now on is dropped; what is under way still is sent. */
  seal(): void {
    this.#out.seal();
  }

  /** The socket is gone: nothing will be sent any more, and nothing is needed any more. */
  close(): void {
    this.#out.close();
  }
}
