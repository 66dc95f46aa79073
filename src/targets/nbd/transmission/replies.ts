import {
  BlockStatus,
  BlockStatusExt,
  BlockStatusExtent,
  BlockStatusExtExtent,
  CommandType,
  ErrorChunk,
  EXTENDED_REPLY_MAGIC,
  ExtendedReply,
  NbdError,
  OffsetData,
  OffsetHole,
  REPLY_FLAG_DONE,
  ReplyType,
  SIMPLE_REPLY_MAGIC,
  SimpleReply,
  STRUCTURED_REPLY_MAGIC,
  StructuredReply,
} from "../../../protocol/nbd/index.ts";
import type { ReplyWriter } from "../reply-writer.ts";
import type { Extents } from "./extents.ts";
import { type Part, PartKind } from "./part.ts";
import type { Request } from "./request.ts";

/** What the client negotiated; each includes the ones before. */
export const ReplyMode = { simple: 0, structured: 1, extended: 2 } as const;
export type ReplyMode = (typeof ReplyMode)[keyof typeof ReplyMode];

const simple = SimpleReply.view();
const structured = StructuredReply.view();
const extended = ExtendedReply.view();
const offsetData = OffsetData.view();
const offsetHole = OffsetHole.view();
const errorChunk = ErrorChunk.view();

/** The only context that there is. */
const CONTEXT_ID = 1;
export { CONTEXT_ID as BASE_ALLOCATION_CONTEXT_ID };

/** Writes the replies to requests, as the client negotiated them. */
export class Replies {
  readonly #writer: ReplyWriter;
  readonly #mode: ReplyMode;

  constructor(writer: ReplyWriter, mode: ReplyMode) {
    this.#writer = writer;
    this.#mode = mode;
  }

  /** A reply without payload: how the request ended. */
  status(request: Request): void {
    const { error } = request;
    if (
      this.#mode === ReplyMode.simple ||
      (this.#mode === ReplyMode.structured && !chunked(request))
    ) {
      this.#simple(request, error);
    } else if (error === NbdError.none) {
      this.#chunk(request, ReplyType.none, 0, true);
    } else {
      const at = this.#chunk(request, ReplyType.error, ErrorChunk.size, true);
      errorChunk.at(at, this.#writer.bytes);
      errorChunk.error = error;
      errorChunk.messageLength = 0;
    }
  }

  /** What a READ has read: all parts are there. */
  data(request: Request): void {
    const { parts } = request;
    if (this.#mode === ReplyMode.simple) {
      this.#simple(request, NbdError.none);
      this.#payload(parts);
    } else if (request.unfragmented) {
      this.#dataChunk(request, request.offset, request.length, true);
      this.#payload(parts);
    } else {
      const last = parts.length - 1;
      for (let i = 0; i <= last; i++) this.#part(request, parts[i] as Part, i === last);
    }
  }

  #part(request: Request, part: Part, last: boolean): void {
    if (part.kind === PartKind.hole) {
      const at = this.#chunk(request, ReplyType.offsetHole, OffsetHole.size, last);
      offsetHole.at(at, this.#writer.bytes);
      offsetHole.exportOffset = part.offset;
      offsetHole.holeLength = part.length;
      return;
    }
    this.#dataChunk(request, part.offset, part.length, last);
    this.#partPayload(part);
  }

  #payload(parts: readonly Part[]): void {
    for (let i = 0; i < parts.length; i++) this.#partPayload(parts[i] as Part);
  }

  #partPayload(part: Part): void {
    const { data } = part;
    if (data === undefined) return;
    part.lent = true;
    this.#writer.addData(data, part);
  }

  #dataChunk(request: Request, offset: number, length: number, last: boolean): void {
    const at = this.#chunk(request, ReplyType.offsetData, OffsetData.size, last, length);
    offsetData.at(at, this.#writer.bytes);
    offsetData.exportOffset = offset;
  }

  /** The extents of a BLOCK_STATUS. */
  blockStatus(request: Request, extents: Extents): void {
    if (this.#mode === ReplyMode.extended) this.#blockStatusExt(request, extents);
    else this.#blockStatus(request, extents);
  }

  #blockStatus(request: Request, { count, lengths, states }: Extents): void {
    const payload = BlockStatus.encode(
      { contextId: CONTEXT_ID },
      BlockStatus.size + count * BlockStatusExtent.size,
    );
    const extent = BlockStatusExtent.view(payload, BlockStatus.size);
    for (let i = 0; i < count; i++) {
      extent.at(BlockStatus.size + i * BlockStatusExtent.size);
      extent.length = lengths[i] as number;
      extent.state = states[i] as number;
    }
    this.#chunk(request, ReplyType.blockStatus, 0, true, payload.length);
    this.#writer.addBytes(payload);
  }

  #blockStatusExt(request: Request, { count, lengths, states }: Extents): void {
    const payload = BlockStatusExt.encode(
      { contextId: CONTEXT_ID, extentCount: count },
      BlockStatusExt.size + count * BlockStatusExtExtent.size,
    );
    const extent = BlockStatusExtExtent.view(payload, BlockStatusExt.size);
    for (let i = 0; i < count; i++) {
      extent.at(BlockStatusExt.size + i * BlockStatusExtExtent.size);
      extent.length = lengths[i] as number;
      extent.state = states[i] as number;
    }
    this.#chunk(request, ReplyType.blockStatusExt, 0, true, payload.length);
    this.#writer.addBytes(payload);
  }

  #simple(request: Request, error: number): void {
    const writer = this.#writer;
    const reply = simple.at(writer.begin(), writer.bytes);
    reply.magic = SIMPLE_REPLY_MAGIC;
    reply.error = error;
    reply.cookieHigh = request.cookieHigh;
    reply.cookieLow = request.cookieLow;
    writer.add(SimpleReply.size);
  }

  /**
   * A chunk's header, room for `fixedLength` bytes of payload, which are to be filled in, and
   * the announcement of `dataLength` more.
   *
   * @returns where the room begins
   */
  #chunk(
    request: Request,
    type: ReplyType,
    fixedLength: number,
    last: boolean,
    dataLength = 0,
  ): number {
    const writer = this.#writer;
    const at = writer.begin();
    const isExtended = this.#mode === ReplyMode.extended;
    const chunk = isExtended ? extended.at(at, writer.bytes) : structured.at(at, writer.bytes);
    chunk.magic = isExtended ? EXTENDED_REPLY_MAGIC : STRUCTURED_REPLY_MAGIC;
    chunk.flags = last ? REPLY_FLAG_DONE : 0;
    chunk.type = type;
    chunk.cookieHigh = request.cookieHigh;
    chunk.cookieLow = request.cookieLow;
    if (isExtended) extended.exportOffset = request.offset;
    chunk.length = fixedLength + dataLength;
    const size = isExtended ? ExtendedReply.size : StructuredReply.size;
    writer.add(size + fixedLength);
    return at + size;
  }
}

/** With structured replies only READ and BLOCK_STATUS need one; errors are shorter without. */
function chunked({ type }: Request): boolean {
  return type === CommandType.read || type === CommandType.blockStatus;
}
