import type { Log } from "../../core/log.ts";
import type { Session } from "../../core/session.ts";
import type { Target } from "../../core/target.ts";
import { ProtocolError, UsageError } from "../../protocol/errors.ts";
import {
  ClientFlags,
  Greeting,
  HandshakeFlag,
  NBD_MAGIC,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC,
  optionName,
  OptionReply,
  OptionReplyType,
  OptionRequest,
  OptionType,
} from "../../protocol/nbd/index.ts";
import { NbdCode } from "./codes.ts";
import type { NbdExport } from "./exports.ts";
import type { NbdLimits } from "./limits.ts";
import {
  HANDSHAKE_TRANSITIONS,
  type HandshakeState,
  optionRow,
  type OptionStep,
  type TlsSituation,
} from "./option-table.ts";
import { chooseByName, info } from "./options/info.ts";
import { list } from "./options/list.ts";
import { listMetaContext, setMetaContext } from "./options/meta-context.ts";
import type { ReplyWriter } from "./reply-writer.ts";
import type { ExportProperties } from "./scsi/properties.ts";
import { ReplyMode } from "./transmission/replies.ts";

/** An export that was asked about, with the session by which it was. */
export interface OpenExport {
  readonly export: NbdExport;
  readonly session: Session;
  readonly properties: ExportProperties;
}

/** What the handshake needs of its connection. */
export interface HandshakeHost {
  readonly target: Target;
  readonly limits: NbdLimits;
  readonly log: Log;
  readonly tlsMode: "off" | "allowed" | "required";
  /** By which name groups know the client. */
  readonly initiatorName: string;
  /** Opens a session, or goes on with the one that there is, and asks the export's device. */
  open(chosen: NbdExport): Promise<OpenExport | undefined>;
  /** What made `blocked` true is over. */
  unblocked(): void;
  /** Encrypts what comes after the reply that was written; `secured` is called when it is so. */
  startTls(secured: () => void): void;
  /** The handshake is over. */
  transmit(open: OpenExport, mode: ReplyMode, hasContext: boolean): void;
  /** Closes once what was sent has left. */
  finish(): void;
  fail(code: NbdCode, message: string): void;
}

/** Answers one option. What it can't answer at once it answers when the promise is kept. */
export type OptionHandler = (handshake: Handshake, data: Uint8Array) => void | Promise<void>;

const HANDLERS: Readonly<Record<OptionType, OptionHandler>> = {
  [OptionType.exportName]: chooseByName,
  [OptionType.abort]: (handshake) => {
    handshake.reply(OptionReplyType.ack);
    handshake.end();
  },
  [OptionType.list]: list,
  [OptionType.startTls]: (handshake, data) => handshake.startTls(data),
  [OptionType.info]: (handshake, data) => info(handshake, data, false),
  [OptionType.go]: (handshake, data) => info(handshake, data, true),
  [OptionType.structuredReply]: (handshake, data) => handshake.structuredReply(data),
  [OptionType.listMetaContext]: listMetaContext,
  [OptionType.setMetaContext]: setMetaContext,
  [OptionType.extendedHeaders]: (handshake, data) => handshake.extendedHeaders(data),
};

const SERVER_FLAGS = HandshakeFlag.fixedNewstyle | HandshakeFlag.noZeroes;

const REFUSALS: Readonly<Record<Exclude<OptionStep, "serve" | "end">, OptionReplyType>> = {
  unsup: OptionReplyType.errUnsup,
  policy: OptionReplyType.errPolicy,
  invalid: OptionReplyType.errInvalid,
  "tls required": OptionReplyType.errTlsReqd,
};

/** Errors in an option's data that are not plain NBD_REP_ERR_INVALID. */
const TOO_BIG: ReadonlySet<string> = new Set(["NBD_STRING_LENGTH", "NBD_QUERIES_MAX"]);

const encoder = new TextEncoder();

/** Fixed newstyle negotiation: options and their replies, until an export is chosen. */
export class Handshake {
  readonly host: HandshakeHost;
  readonly #writer: ReplyWriter;
  #state: HandshakeState = "greeted";
  #secured = false;
  /** What the client said in its flags. */
  #fixed = true;
  noZeroes = false;
  mode: ReplyMode = ReplyMode.simple;
  /** The export for which base:allocation is selected. */
  contextOf: NbdExport | undefined = undefined;
  #optionCount = 0;
  /** The option that is being read or answered. */
  #option = 0;
  /** Bytes that the reader collects: the flags, an option's head, its data. */
  #wanted: number = ClientFlags.size;
  #bytes = new Uint8Array(ClientFlags.size);
  #length = 0;
  /** Its data are being read; of an option that is too long they are not kept. */
  #inData = false;
  #tooLong = false;

  constructor(host: HandshakeHost, writer: ReplyWriter) {
    this.host = host;
    this.#writer = writer;
    const greeting = Greeting.encode({
      nbdMagic: NBD_MAGIC,
      optionMagic: OPTION_MAGIC,
      handshakeFlags: SERVER_FLAGS,
    });
    writer.addBytes(greeting);
  }

  /** Another connection's worth of state: TLS has begun. */
  #forget(): void {
    this.mode = ReplyMode.simple;
    this.contextOf = undefined;
  }

  // Reading.

  get blocked(): boolean {
    return this.#state === "answering" || this.#state === "securing";
  }

  get over(): boolean {
    return this.#state === "over";
  }

  /** Reads `bytes[from..length)`; returns how far it came before it was {@link blocked}. */
  receive(bytes: Uint8Array, from: number, length: number): number {
    let at = from;
    while (at < length) {
      if (this.#state === "over") return length;
      if (this.blocked || this.#state === "transmission") return at;
      const count = Math.min(this.#wanted - this.#length, length - at);
      if (!this.#tooLong) this.#bytes.set(bytes.subarray(at, at + count), this.#length);
      this.#length += count;
      at += count;
      if (this.#length < this.#wanted) return at;
      this.#complete(at < length);
    }
    return at;
  }

  #want(length: number, kept = true): void {
    this.#wanted = length;
    this.#length = 0;
    this.#tooLong = !kept;
    this.#bytes = new Uint8Array(kept ? length : 0);
  }

  #complete(moreFollows: boolean): void {
    if (this.#state === "greeted") this.#clientFlags();
    else if (this.#inData) this.#serve(moreFollows);
    else this.#optionHead(moreFollows);
  }

  #clientFlags(): void {
    const { flags } = ClientFlags.view(this.#bytes);
    if ((flags & ~SERVER_FLAGS) !== 0) {
      this.fail(`client flags ${flags.toString(16)}h: not all are known`);
      return;
    }
    this.#fixed = (flags & HandshakeFlag.fixedNewstyle) !== 0;
    this.noZeroes = (flags & HandshakeFlag.noZeroes) !== 0;
    this.#move("options");
    this.#want(OptionRequest.size);
  }

  #optionHead(moreFollows: boolean): void {
    const { magic, option, dataLength } = OptionRequest.view(this.#bytes);
    if (magic !== OPTION_MAGIC) {
      this.fail(`an option begins with ${magic.toString(16)}`);
      return;
    }
    this.#optionCount++;
    if (this.#optionCount > this.host.limits.optionCountMax) {
      this.fail(`more than ${this.host.limits.optionCountMax} options`);
      return;
    }
    this.#option = option;
    this.#inData = true;
    this.#want(dataLength, dataLength <= this.host.limits.optionLengthMax);
    if (dataLength === 0) this.#serve(moreFollows);
  }

  // Answering.

  get #situation(): TlsSituation {
    return this.#secured ? "secured" : this.host.tlsMode;
  }

  #serve(moreFollows: boolean): void {
    const option = this.#option;
    const [data, tooLong] = [this.#bytes, this.#tooLong];
    this.#inData = false;
    this.#want(OptionRequest.size);
    const step = optionRow(option)[this.#situation];
    if (step === "end" || (!this.#fixed && option !== OptionType.exportName)) {
      this.fail(`${optionName(option)} is not allowed here`);
    } else if (step !== "serve") {
      this.reply(REFUSALS[step], `${optionName(option)} is refused`);
    } else if (tooLong) {
      this.#refuseLong();
    } else if (option === OptionType.startTls && moreFollows) {
      // Bytes that anybody may have put there must not pass for encrypted ones.
      this.fail("something follows NBD_OPT_STARTTLS");
    } else {
      this.#handle(option as OptionType, data);
    }
  }

  #refuseLong(): void {
    if (this.#option === OptionType.exportName) this.fail("a name that is too long");
    else this.reply(OptionReplyType.errTooBig, "the option's data are too long");
  }

  #handle(option: OptionType, data: Uint8Array): void {
    try {
      const answered = HANDLERS[option](this, data);
      if (answered === undefined) return;
      // Before its first wait the handler may have ended the connection.
      if (this.#state === "options") this.#move("answering");
      answered.then(
        () => this.#answered(),
        (cause: unknown) => this.#faulty(cause),
      );
    } catch (cause) {
      this.#faulty(cause);
    }
  }

  #answered(): void {
    if (this.#state !== "answering") return;
    this.#move("options");
    this.host.unblocked();
  }

  /** The client's fault is its to know; a fault of this program ends the connection. */
  #faulty(cause: unknown): void {
    if (!(cause instanceof ProtocolError)) {
      this.host.log({
        level: "error",
        code: NbdCode.internal,
        message: `${optionName(this.#option)} could not be answered`,
        cause,
      });
      this.end();
    } else if (this.#option === OptionType.exportName) {
      this.fail(cause.message);
    } else {
      const { errTooBig, errInvalid } = OptionReplyType;
      this.reply(TOO_BIG.has(cause.code) ? errTooBig : errInvalid, cause.message);
      this.#answered();
    }
  }

  /** Replies to the option; the data of an error are a message. */
  reply(replyType: OptionReplyType, data: Uint8Array | string = ""): void {
    if (this.#state === "over") return;
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    const head = OptionReply.encode({
      magic: OPTION_REPLY_MAGIC,
      option: this.#option,
      replyType,
      dataLength: bytes.length,
    });
    this.#writer.addBytes(head);
    this.#writer.addBytes(bytes);
  }

  /** Bytes that are no option reply: those to NBD_OPT_EXPORT_NAME. */
  send(bytes: Uint8Array): void {
    if (this.#state !== "over") this.#writer.addBytes(bytes);
  }

  // Steps that handlers ask for.

  structuredReply(data: Uint8Array): void {
    if (this.#wrongData(data)) return;
    if (this.mode === ReplyMode.extended) {
      this.reply(OptionReplyType.errExtHeaderReqd, "extended headers are in use");
    } else if (this.mode === ReplyMode.structured) {
      this.reply(OptionReplyType.errInvalid, "structured replies are in use");
    } else {
      this.mode = ReplyMode.structured;
      this.reply(OptionReplyType.ack);
    }
  }

  extendedHeaders(data: Uint8Array): void {
    if (this.#wrongData(data)) return;
    if (this.mode === ReplyMode.extended) {
      this.reply(OptionReplyType.errInvalid, "extended headers are in use");
    } else {
      this.mode = ReplyMode.extended;
      this.reply(OptionReplyType.ack);
    }
  }

  startTls(data: Uint8Array): void {
    if (this.#wrongData(data)) return;
    this.reply(OptionReplyType.ack);
    this.#move("securing");
    this.host.startTls(() => {
      this.#forget();
      this.#secured = true;
      if (this.#state !== "securing") return;
      this.#move("options");
      this.host.unblocked();
    });
  }

  #wrongData(data: Uint8Array): boolean {
    if (data.length === 0) return false;
    this.reply(OptionReplyType.errInvalid, `${optionName(this.#option)} has no data`);
    return true;
  }

  /** The export is chosen, and the client knows. */
  transmit(open: OpenExport): void {
    if (this.#state === "over") return;
    this.#move("transmission");
    this.host.transmit(open, this.mode, this.contextOf?.lun === open.export.lun);
  }

  /** The client's fault. */
  fail(message: string): void {
    this.end();
    this.host.fail(NbdCode.handshake, message);
  }

  /** The connection ends, by whose wish ever. */
  end(): void {
    if (this.#state !== "over" && this.#state !== "transmission") this.#move("over");
    this.host.finish();
  }

  /** The server ends: who waits for an answer gets this one. */
  shutDown(): void {
    if (this.#state === "answering") this.reply(OptionReplyType.errShutdown, "shutting down");
    this.end();
  }

  #move(next: HandshakeState): void {
    const allowed: readonly HandshakeState[] = HANDSHAKE_TRANSITIONS[this.#state];
    if (!allowed.includes(next)) {
      throw new UsageError("NBD_HANDSHAKE", `${this.#state} is not followed by ${next}`);
    }
    this.#state = next;
  }
}
