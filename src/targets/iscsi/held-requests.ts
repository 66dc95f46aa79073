/** A connection, which gets its PDUs once more when their turn has come. */
export interface Replayer {
  replay(header: Uint8Array, data: Uint8Array): void;
}

/** A PDU that is kept: its header with additional segments, and its data segment. */
export interface HeldPdu {
  readonly header: Uint8Array;
  readonly data: Uint8Array;
}

/** A request, the unsolicited data behind it, and the connection that they came by. */
export interface HeldRequest {
  readonly by: Replayer;
  readonly tag: number;
  readonly pdus: readonly HeldPdu[];
}

/**
 * Requests of a session that came before one with a lower CmdSN, and the unsolicited data that
 * follow them (RFC 7143, "Command Numbering and Acknowledging").
 */
export class HeldRequests {
  readonly #lengthMax: number;
  readonly #byCmdSn = new Map<number, { by: Replayer; tag: number; pdus: HeldPdu[] }>();
  readonly #byTag = new Map<number, HeldPdu[]>();
  #length = 0;

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  get size(): number {
    return this.#byCmdSn.size;
  }

  has(cmdSn: number): boolean {
    return this.#byCmdSn.has(cmdSn);
  }

  hasTag(tag: number): boolean {
    return this.#byTag.size > 0 && this.#byTag.has(tag);
  }

  /**
   * Keeps a copy of a PDU: a request by its CmdSN, or data behind the request with the same tag.
   *
   * @returns false when that would be more than is allowed
   */
  add(
    by: Replayer,
    cmdSn: number | undefined,
    tag: number,
    header: Uint8Array,
    data: Uint8Array,
  ): boolean {
    if (this.#length + header.length + data.length > this.#lengthMax) return false;
    this.#length += header.length + data.length;
    // A Buffer's slice would be no copy.
    const pdu = { header: new Uint8Array(header), data: new Uint8Array(data) };
    if (cmdSn === undefined) {
      this.#byTag.get(tag)?.push(pdu);
      return true;
    }
    const pdus = [pdu];
    this.#byCmdSn.set(cmdSn, { by, tag, pdus });
    this.#byTag.set(tag, pdus);
    return true;
  }

  /** Forgets what came by a connection that is gone: it was not acknowledged. */
  drop(by: Replayer): void {
    for (const [cmdSn, request] of this.#byCmdSn) if (request.by === by) this.take(cmdSn);
  }

  /** The PDUs of `cmdSn`, which are no longer kept. */
  take(cmdSn: number): HeldRequest | undefined {
    const entry = this.#byCmdSn.get(cmdSn);
    if (entry === undefined) return undefined;
    this.#byCmdSn.delete(cmdSn);
    this.#byTag.delete(entry.tag);
    for (const { header, data } of entry.pdus) this.#length -= header.length + data.length;
    return entry;
  }
}
