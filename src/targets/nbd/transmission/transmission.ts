import type { Timer } from "../../../core/clock.ts";
import type { Command } from "../../../core/command.ts";
import type { Device } from "../../../core/device.ts";
import type { Log } from "../../../core/log.ts";
import type { Session } from "../../../core/session.ts";
import {
  CommandFlag,
  commandName,
  CommandType,
  CompactRequest,
  EXTENDED_REQUEST_MAGIC,
  ExtendedRequest,
  NbdError,
  REQUEST_MAGIC,
} from "../../../protocol/nbd/index.ts";
import { NbdCode } from "../codes.ts";
import type { NbdLimits } from "../limits.ts";
import type { ReplyWriter } from "../reply-writer.ts";
import { endOf } from "../scsi/outcome.ts";
import type { ExportProperties } from "../scsi/properties.ts";
import { checkRequest } from "./check.ts";
import { COMMAND_RULES } from "./commands.ts";
import { Extents } from "./extents.ts";
import { type Part, PartKind } from "./part.ts";
import { PartWindow } from "./part-window.ts";
import { Replies, ReplyMode } from "./replies.ts";
import { Request } from "./request.ts";

/** What the transmission phase needs of its connection. */
export interface TransmissionHost {
  readonly limits: NbdLimits;
  readonly log: Log;
  after(delayMs: number, callback: () => void): Timer;
  /** What made `blocked` true is over. */
  unblocked(): void;
  /** The client is done, or must be: closes once what was sent has left. */
  finish(): void;
  fail(code: NbdCode, message: string): void;
}

export interface TransmissionOptions {
  readonly host: TransmissionHost;
  readonly writer: ReplyWriter;
  readonly session: Session;
  readonly lun: number;
  readonly device: Device;
  readonly properties: ExportProperties;
  readonly readOnly: boolean;
  readonly mode: ReplyMode;
  /** The client has selected base:allocation. */
  readonly hasContext: boolean;
}

const compact = CompactRequest.view();
const extended = ExtendedRequest.view();

/** The transmission phase of a connection: requests become SCSI commands, and replies follow. */
export class Transmission {
  readonly limits: NbdLimits;
  readonly session: Session;
  readonly lun: number;
  readonly properties: ExportProperties;
  readonly writable: boolean;
  readonly hasContext: boolean;
  readonly mode: ReplyMode;
  readonly replies: Replies;
  readonly extents: Extents;
  readonly window: PartWindow;
  /** The connection is gone: what ends has nobody to tell. */
  closed = false;
  readonly #host: TransmissionHost;
  readonly #headerLength: number;
  /** Those under way, in no order: each knows its place. A Set costs a good part of a request. */
  readonly #requests: Request[] = [];
  readonly #requestPool: Request[] = [];
  /** Bytes of the payloads of the requests under way. */
  #requestLength = 0;
  /** Takes headers that cross chunks. */
  readonly #own = new Uint8Array(ExtendedRequest.size);
  #ownLength = 0;
  /** The request whose payload is being read, and how much of that is to come. */
  #writing: Request | undefined;
  #payloadLeft = 0;
  /** No more requests are taken: because the client has said so, or the server. */
  #ending = false;
  #shuttingDown = false;
  #mappedFrom = 0;
  #mappedTo = 0;

  constructor(options: TransmissionOptions) {
    const { host, writer, properties, mode } = options;
    this.#host = host;
    this.limits = host.limits;
    this.session = options.session;
    this.lun = options.lun;
    this.properties = properties;
    this.writable = !options.readOnly;
    this.hasContext = options.hasContext;
    this.mode = mode;
    this.window = new PartWindow(this, options.device);
    this.replies = new Replies(writer, mode);
    this.extents = new Extents(properties, host.limits.extentCountMax);
    this.#headerLength = mode === ReplyMode.extended ? ExtendedRequest.size : CompactRequest.size;
  }

  // Reading.

  /** Nothing can be read: requests have to end first, or a buffer has to be there. */
  get blocked(): boolean {
    return this.#payloadLeft > 0 ? this.#waitsForBuffer : this.#full;
  }

  /** There is no room for another request. */
  get #full(): boolean {
    return (
      this.#requests.length >= this.limits.requestCountMax ||
      this.#requestLength >= this.limits.requestLengthMax ||
      this.window.full
    );
  }

  /** Reads `bytes[from..length)`; returns how far it came before it was {@link blocked}. */
  receive(bytes: Uint8Array, from: number, length: number): number {
    let at = from;
    while (at < length) {
      if (this.#ending) return length;
      if (this.blocked) return at;
      at =
        this.#payloadLeft > 0 ? this.#payload(bytes, at, length) : this.#header(bytes, at, length);
    }
    return at;
  }

  #header(bytes: Uint8Array, at: number, length: number): number {
    const needed = this.#headerLength;
    if (this.#ownLength === 0 && length - at >= needed) {
      this.#begin(bytes, at);
      return at + needed;
    }
    const count = Math.min(needed - this.#ownLength, length - at);
    this.#own.set(bytes.subarray(at, at + count), this.#ownLength);
    this.#ownLength += count;
    if (this.#ownLength === needed) {
      this.#ownLength = 0;
      this.#begin(this.#own, 0);
    }
    return at + count;
  }

  #begin(bytes: Uint8Array, at: number): void {
    const isExtended = this.mode === ReplyMode.extended;
    const header = isExtended ? extended.at(at, bytes) : compact.at(at, bytes);
    const { magic, type } = header;
    if (magic !== (isExtended ? EXTENDED_REQUEST_MAGIC : REQUEST_MAGIC)) {
      this.#violation(`a request begins with ${magic.toString(16)}`);
      return;
    }
    if (type === CommandType.disc) {
      this.#disconnect();
      return;
    }
    const request = this.#requestPool.pop() ?? new Request();
    request.type = type;
    request.flags = header.flags;
    request.cookieHigh = header.cookieHigh;
    request.cookieLow = header.cookieLow;
    request.offset = header.exportOffset;
    request.length = header.length;
    const payloadLength = this.#payloadLength(request);
    if (payloadLength > this.limits.discardLengthMax) {
      this.#violation(`${commandName(type)} with a payload of ${payloadLength} bytes`);
      return;
    }
    request.error = this.#shuttingDown ? NbdError.eshutdown : checkRequest(this, request);
    request.index = this.#requests.push(request) - 1;
    const reads = type === CommandType.read && request.error === NbdError.none;
    request.weight = reads ? request.length : payloadLength;
    this.#requestLength += request.weight;
    if (payloadLength > 0) {
      this.#writing = request;
      this.#payloadLeft = payloadLength;
      request.open = 1;
      if (request.error === NbdError.none) this.#beginWrite(request);
    } else {
      this.#advance(request);
    }
  }

  #payloadLength({ type, flags, length }: Request): number {
    if (this.mode !== ReplyMode.extended) return type === CommandType.write ? length : 0;
    return (flags & CommandFlag.payloadLen) === 0 ? 0 : length;
  }

  // Payloads.

  #beginWrite(request: Request): void {
    const length = Math.min(request.left, this.properties.transferLengthMax);
    this.beginPart(request, PartKind.write, length);
  }

  get #waitsForBuffer(): boolean {
    const part = this.#writing?.parts.at(-1);
    if (part === undefined || part.ended) return false;
    return part.data === undefined && part.received < part.length;
  }

  #payload(bytes: Uint8Array, at: number, length: number): number {
    const request = this.#writing as Request;
    const part = request.parts.at(-1);
    const dropped = part === undefined || part.received === part.length;
    const wanted = dropped ? this.#payloadLeft : part.length - part.received;
    const count = Math.min(wanted, length - at);
    this.#payloadLeft -= count;
    if (!dropped) {
      if (!part.ended) part.data?.set(bytes.subarray(at, at + count), part.received);
      part.received += count;
    }
    if (this.#payloadLeft === 0) this.#writing = undefined;
    if (!dropped && part.received === part.length) {
      if (!part.ended) part.payloadComplete();
      if (this.#payloadLeft > 0 && request.error === NbdError.none) this.#beginWrite(request);
    }
    if (this.#payloadLeft === 0) this.#ended(request);
    return at + count;
  }

  /** For parts: a write's payload may be read. */
  bufferReady(): void {
    this.#host.unblocked();
  }

  // Parts.

  /** Begins the next part of a request. */
  beginPart(request: Request, kind: PartKind, length: number): void {
    const part = this.window.take();
    part.request = request;
    part.kind = kind;
    part.offset = request.offset + request.begun;
    part.length = length;
    // A question moves nothing.
    if (kind !== PartKind.provisioning) request.begun += length;
    request.parts.push(part);
    if (kind === PartKind.hole) {
      part.ended = true;
      return;
    }
    request.open++;
    this.window.enter(part);
    if (!this.window.crowded) return;
    // It might wait for those of its own request, which wait for it.
    for (const other of request.parts) other.letGo();
  }

  /** The same where the parts before are over, and nothing of them is needed any more. */
  nextPart(request: Request, kind: PartKind, length: number): void {
    this.dropParts(request);
    this.beginPart(request, kind, length);
  }

  /** Nothing of the request's parts is needed any more, but data that are on their way. */
  dropParts({ parts }: Request): void {
    // Not `parts.length = 0` in the end, which takes V8 longer than all the rest.
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      part.dropped = true;
      if (part.lent) continue;
      if (part.command === undefined) this.window.recycle(part);
      else part.responseSent(!this.closed);
    }
  }

  /** For parts: it is over, but for data that may have to leave. */
  partEnded({ request }: Part, error: NbdError): void {
    if (request.error === NbdError.none) request.error = error;
    this.#ended(request);
    this.#unblock();
  }

  /** For parts: the data have left. */
  partReleased(part: Part): void {
    if (part.dropped) this.window.recycle(part);
    this.#unblock();
  }

  #unblock(): void {
    if (!this.blocked) this.#host.unblocked();
  }

  #ended(request: Request): void {
    request.open--;
    if (request.open === 0 && !request.advancing) this.#advance(request);
  }

  /** Takes the request's next steps, as far as they end at once. */
  #advance(request: Request): void {
    const rule = COMMAND_RULES[request.type];
    request.advancing = true;
    while (request.open === 0) {
      const goesOn =
        request.error === NbdError.none && !this.closed && rule?.step(this, request) === true;
      if (!goesOn) {
        this.#finish(request);
        return;
      }
    }
    request.advancing = false;
  }

  #finish(request: Request): void {
    if (!this.closed) {
      if (request.error === NbdError.none) COMMAND_RULES[request.type]?.reply(this, request);
      else this.replies.status(request);
    }
    this.dropParts(request);
    this.#forget(request);
    this.#requestLength -= request.weight;
    request.reset();
    this.#requestPool.push(request);
    if (this.#requests.length > 0) return;
    if (this.#ending || this.#shuttingDown) this.#host.finish();
  }

  /** The last one takes its place. */
  #forget({ index }: Request): void {
    const last = this.#requests.pop() as Request;
    if (index === this.#requests.length) return;
    last.index = index;
    this.#requests[index] = last;
  }

  // What is known of the medium.

  /** Whether to ask for holes before reading. */
  mayBeSparse({ offset, length, unfragmented }: Request): boolean {
    const { reportsProvisioning, unmappedIsZero } = this.properties;
    if (!reportsProvisioning || !unmappedIsZero) return false;
    if (this.mode === ReplyMode.simple || unfragmented) return false;
    return offset < this.#mappedFrom || offset + length > this.#mappedTo;
  }

  /** Blocks that have storage are just read the next time, which is right if they lose it, too. */
  noteAllocated(from: number): void {
    this.#mappedFrom = from;
    this.#mappedTo = this.extents.allocatedTo;
  }

  // The end.

  /** NBD_CMD_DISC: what is under way still ends. */
  #disconnect(): void {
    this.#ending = true;
    if (this.#requests.length === 0) this.#host.finish();
  }

  #violation(message: string): void {
    this.#ending = true;
    this.#host.fail(NbdCode.request, message);
  }

  /** The server ends: no more requests; the host is told when those under way are over. */
  shutDown(): void {
    this.#shuttingDown = true;
    if (this.#requests.length === 0) this.#host.finish();
  }

  /** The connection is gone: what waits for anything but the core ends. */
  close(): void {
    this.closed = true;
    this.#ending = true;
    const writing = this.#writing;
    this.#writing = undefined;
    this.#payloadLeft = 0;
    this.window.clear();
    // A copy: a request that ends leaves the list.
    for (const request of this.#requests.slice()) {
      for (const part of request.parts) part.abandon();
    }
    if (writing !== undefined) this.#ended(writing);
  }

  // For parts.

  after(delayMs: number, part: Part): Timer {
    return this.#host.after(delayMs, () => part.wake());
  }

  noteRetry(request: Request, command: Command): void {
    this.#note(NbdCode.retried, "debug", request, command);
  }

  noteFailure(request: Request, command: Command): void {
    this.#note(NbdCode.request, "info", request, command);
  }

  #note(code: NbdCode, level: "debug" | "info", request: Request, command: Command): void {
    const { type, offset, length } = request;
    this.#host.log({
      level,
      code,
      message: `${commandName(type)} of ${length} bytes at ${offset}: ${endOf(command)}`,
    });
  }
}
