import { Core } from "../../../../src/core/core.ts";
import type { LogEntry } from "../../../../src/core/log.ts";
import {
  CommandFlag,
  CommandType,
  CompactRequest,
  EXTENDED_REPLY_MAGIC,
  EXTENDED_REQUEST_MAGIC,
  ExtendedReply,
  ExtendedRequest,
  Greeting,
  InfoType,
  OPTION_MAGIC,
  OptionReply,
  OptionRequest,
  OptionType,
  REQUEST_MAGIC,
  SIMPLE_REPLY_MAGIC,
  SimpleReply,
  STRUCTURED_REPLY_MAGIC,
  StructuredReply,
} from "../../../../src/protocol/nbd/index.ts";
import type { NbdLimits } from "../../../../src/targets/nbd/limits.ts";
import { NbdServer } from "../../../../src/targets/nbd/server.ts";
import type { TlsSettings } from "../../../../src/targets/nbd/tls.ts";
import type { NbdTransport } from "../../../../src/targets/nbd/transport.ts";
import { FakeTransport } from "../../iscsi/support/fake-transport.ts";
import { ThinDevice } from "./thin-device.ts";

/** Whatever promises wait for has happened. */
export const settled = () => new Promise<void>((resolve) => void setImmediate(resolve));

class FakeNbdTransport extends FakeTransport implements NbdTransport {
  peerName = "192.0.2.9";
  /** Called by tests: TLS has begun, and the client is known by that name. */
  secured: ((clientName: string | undefined) => void) | undefined;

  startTls(_settings: TlsSettings, secured: (clientName: string | undefined) => void): void {
    this.secured = secured;
  }
}

/** A core, a server and a disk, with a clock that stands still until it is told to move. */
export class TestNbdServer {
  readonly log: LogEntry[] = [];
  readonly core: Core;
  readonly disk = new ThinDevice("disk");
  readonly server: NbdServer;
  #now = 0;
  readonly #timers: { at: number; callback: () => void }[] = [];

  constructor(limits: Partial<NbdLimits> = {}, tls?: TlsSettings) {
    this.core = new Core({
      log: (entry) => this.log.push(entry),
      clock: {
        now: () => this.#now,
        after: (delayMs, callback) => {
          const timer = { at: this.#now + delayMs, callback };
          this.#timers.push(timer);
          const cancel = () => {
            const index = this.#timers.indexOf(timer);
            if (index >= 0) this.#timers.splice(index, 1);
          };
          return { cancel };
        },
      },
    });
    this.core.addDevice(this.disk);
    this.server = new NbdServer(this.core, tls === undefined ? { limits } : { limits, tls });
    this.server.target.addLun(0, this.disk);
  }

  /** Lets time go by. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      this.#timers.sort((a, b) => a.at - b.at);
      const [next] = this.#timers;
      if (next === undefined || next.at > end) break;
      this.#timers.shift();
      this.#now = next.at;
      next.callback();
    }
    this.#now = end;
  }

  get timerCount(): number {
    return this.#timers.length;
  }

  get codes(): string[] {
    return this.log.map(({ code }) => code);
  }

  connect(): TestNbdClient {
    return new TestNbdClient(this.server);
  }
}

export interface OptionAnswer {
  readonly option: number;
  readonly type: number;
  readonly data: Uint8Array;
}

export interface RequestFields {
  readonly type: number;
  readonly flags?: number;
  readonly offset?: number;
  readonly length?: number;
  readonly cookie?: number;
  readonly data?: Uint8Array;
}

/** A simple reply has the type -1; its data are those that the client expects. */
export interface Answer {
  readonly cookie: number;
  readonly type: number;
  readonly error: number;
  readonly done: boolean;
  readonly data: Uint8Array;
}

export type Mode = "simple" | "structured" | "extended";

const encoder = new TextEncoder();

/** The client's end of a connection, built from bytes. */
export class TestNbdClient {
  readonly transport = new FakeNbdTransport();
  mode: Mode = "simple";
  chunkLength = Number.MAX_SAFE_INTEGER;
  /** Lengths of READs by cookie: simple replies do not tell. */
  readonly #reads = new Map<number, number>();
  #cookie = 0;

  constructor(server: NbdServer) {
    this.transport.events = server.accept(this.transport);
    if (this.transport.events === undefined) this.transport.closed = true;
  }

  send(...messages: Uint8Array[]): void {
    this.transport.send(Buffer.concat(messages), this.chunkLength);
  }

  // The handshake.

  /** Takes the greeting and answers it. */
  greet(flags = 3): { magic: bigint; handshakeFlags: number } {
    const { nbdMagic, handshakeFlags } = Greeting.view(this.transport.take());
    this.send(uint32(flags));
    return { magic: nbdMagic, handshakeFlags };
  }

  option(option: number, data: Uint8Array = new Uint8Array(0)): Uint8Array {
    const head = OptionRequest.encode({ magic: OPTION_MAGIC, option, dataLength: data.length });
    return Buffer.concat([head, data]);
  }

  /** Sends options and gives back the answers. */
  async ask(option: number, data?: Uint8Array): Promise<OptionAnswer[]> {
    this.send(this.option(option, data));
    await settled();
    return this.answers();
  }

  answers(): OptionAnswer[] {
    const bytes = this.transport.take();
    const answers: OptionAnswer[] = [];
    for (let at = 0; at < bytes.length;) {
      const { option, replyType: type, dataLength } = OptionReply.view(bytes, at);
      at += OptionReply.size;
      answers.push({ option, type, data: bytes.subarray(at, at + dataLength) });
      at += dataLength;
    }
    return answers;
  }

  /** Goes to the transmission phase. */
  async open(mode: Mode = "simple", name = "disk"): Promise<this> {
    this.greet();
    this.mode = mode;
    if (mode === "structured") await this.ask(OptionType.structuredReply);
    if (mode === "extended") await this.ask(OptionType.extendedHeaders);
    if (mode !== "simple") {
      await this.ask(OptionType.setMetaContext, metaQuery(name, ["base:allocation"]));
    }
    const answers = await this.ask(OptionType.go, infoRequest(name, [InfoType.blockSize]));
    if (answers.at(-1)?.type !== 1) throw new Error(`no such export: ${name}`);
    return this;
  }

  // The transmission phase.

  request(fields: RequestFields): Uint8Array {
    const { type, offset: exportOffset = 0, data = new Uint8Array(0) } = fields;
    const cookieLow = fields.cookie ?? ++this.#cookie;
    const length = fields.length ?? data.length;
    let { flags = 0 } = fields;
    if (type === CommandType.read) this.#reads.set(cookieLow, length);
    if (this.mode === "extended" && data.length > 0) flags |= CommandFlag.payloadLen;
    const values = { flags, type, cookieHigh: 0xc0ffee, cookieLow, exportOffset, length };
    const head =
      this.mode === "extended"
        ? ExtendedRequest.encode({ magic: EXTENDED_REQUEST_MAGIC, ...values })
        : CompactRequest.encode({ magic: REQUEST_MAGIC, ...values });
    return Buffer.concat([head, data]);
  }

  /** Sends one request and gives back what came for it. */
  one(fields: RequestFields): Answer[] {
    this.send(this.request(fields));
    return this.replies();
  }

  /** The error of a request: 0 for none. */
  errorOf(fields: RequestFields): number {
    return this.one(fields).at(-1)?.error ?? -1;
  }

  replies(): Answer[] {
    const bytes = this.transport.take();
    const answers: Answer[] = [];
    for (let at = 0; at < bytes.length;) at = this.#reply(bytes, at, answers);
    return answers;
  }

  #reply(bytes: Uint8Array, at: number, answers: Answer[]): number {
    const { magic } = SimpleReply.view(bytes, at);
    if (magic === SIMPLE_REPLY_MAGIC) {
      const { error, cookieLow: cookie } = SimpleReply.view(bytes, at);
      const length = error === 0 ? (this.#reads.get(cookie) ?? 0) : 0;
      const start = at + SimpleReply.size;
      const data = bytes.subarray(start, start + length);
      answers.push({ cookie, type: -1, error, done: true, data });
      return start + length;
    }
    const extended = magic === EXTENDED_REPLY_MAGIC;
    if (!extended && magic !== STRUCTURED_REPLY_MAGIC) {
      throw new Error(`a reply begins with ${magic.toString(16)}`);
    }
    const layout = extended ? ExtendedReply : StructuredReply;
    const { type, flags, length, cookieLow: cookie } = layout.view(bytes, at);
    const start = at + layout.size;
    const data = bytes.subarray(start, start + length);
    const error = (type & 0x8000) === 0 ? 0 : Buffer.from(data).readUInt32BE(0);
    answers.push({ cookie, type, error, done: (flags & 1) === 1, data });
    return start + length;
  }
}

/** Data of NBD_OPT_INFO and NBD_OPT_GO. */
export function infoRequest(name: string, requests: readonly number[] = []): Uint8Array {
  const bytes = encoder.encode(name);
  return Buffer.concat([
    uint32(bytes.length),
    bytes,
    uint16(requests.length),
    ...requests.map((request) => uint16(request)),
  ]);
}

/** Data of NBD_OPT_…_META_CONTEXT. */
export function metaQuery(name: string, queries: readonly string[]): Uint8Array {
  const text = (words: string) => {
    const bytes = encoder.encode(words);
    return Buffer.concat([uint32(bytes.length), bytes]);
  };
  return Buffer.concat([
    text(name),
    uint32(queries.length),
    ...queries.map((query) => text(query)),
  ]);
}

export function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function uint16(value: number): Uint8Array {
  return uint32(value).subarray(2);
}

/** Bytes that differ from their neighbours. */
export function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) + seed) & 0xff);
}
