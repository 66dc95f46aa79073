import type { Timer } from "../../core/clock.ts";
import type { Core } from "../../core/core.ts";
import type { Log } from "../../core/log.ts";
import type { Session } from "../../core/session.ts";
import type { Target } from "../../core/target.ts";
import { NbdCode } from "./codes.ts";
import type { NbdExport } from "./exports.ts";
import { Handshake, type HandshakeHost, type OpenExport } from "./handshake.ts";
import type { NbdLimits } from "./limits.ts";
import { isReadOnly } from "./options/info.ts";
import { ReplyWriter } from "./reply-writer.ts";
import { ScsiClient } from "./scsi/client.ts";
import { describe } from "./scsi/properties.ts";
import type { TlsSettings } from "./tls.ts";
import type { ReplyMode } from "./transmission/replies.ts";
import { Transmission, type TransmissionHost } from "./transmission/transmission.ts";
import type { NbdTransport, TransportEvents } from "./transport.ts";

/** What all connections of a server have in common. */
export interface ConnectionServer {
  readonly core: Core;
  readonly target: Target;
  readonly limits: NbdLimits;
  readonly tls: TlsSettings | undefined;
  forget(connection: Connection): void;
}

const connections = new WeakMap<Session, Connection>();

/** The administrator ends a session: its connection goes at once. */
export function closeConnectionOf(session: Session): void {
  const connection = connections.get(session);
  connection?.log({ level: "info", code: NbdCode.forced, message: "closed by force" });
  connection?.destroy();
}

const NO_BYTES = new Uint8Array(0);

/** One connection: a handshake, then the transmission phase, then the end. */
export class Connection implements TransportEvents, HandshakeHost, TransmissionHost {
  readonly #server: ConnectionServer;
  readonly #transport: NbdTransport;
  readonly #writer: ReplyWriter;
  readonly #handshake: Handshake;
  #transmission: Transmission | undefined;
  #clientName: string | undefined;
  #session: Session | undefined;
  #sessionName = "";
  #timer: Timer | undefined;
  /** Nothing more is read; what is in the writer still leaves. */
  #ending = false;
  #closed = false;
  #paused = false;
  /** Bytes that came while nothing could be read: a copy, or what is left of it. */
  #held: Uint8Array = NO_BYTES;
  #stalled = false;
  #reading = false;
  readonly #goingOn = { flush: () => this.#goOn() };

  constructor(server: ConnectionServer, transport: NbdTransport) {
    this.#server = server;
    this.#transport = transport;
    this.#writer = new ReplyWriter(transport, server.core);
    const { handshakeTimeMsMax } = this.limits;
    this.#timer = this.after(handshakeTimeMsMax, () => {
      this.fail(NbdCode.handshakeTimeout, `no export chosen within ${handshakeTimeMsMax} ms`);
    });
    this.#handshake = new Handshake(this, this.#writer);
  }

  get limits(): NbdLimits {
    return this.#server.limits;
  }

  get target(): Target {
    return this.#server.target;
  }

  get tlsMode(): "off" | "allowed" | "required" {
    return this.#server.tls?.mode ?? "off";
  }

  get initiatorName(): string {
    return this.#clientName ?? this.#transport.peerName;
  }

  /** Every line says whose connection it is about. */
  readonly log: Log = (entry) => {
    this.#server.core.log({
      ...entry,
      message: `${this.#transport.remoteAddress}: ${entry.message}`,
    });
  };

  after(delayMs: number, callback: () => void): Timer {
    const { core } = this.#server;
    return core.clock.after(delayMs, () => {
      core.enter();
      try {
        callback();
      } finally {
        core.leave();
      }
    });
  }

  // The socket.

  receive(bytes: Uint8Array, length: number): void {
    if (this.#ending) return;
    if (this.#held.length > 0 || this.#reading) this.#hold(bytes, length);
    else this.#take(bytes, length, false);
    this.#pauseOrResume();
  }

  #take(bytes: Uint8Array, length: number, copied: boolean): void {
    try {
      this.#read(bytes, length, copied);
    } catch (cause) {
      // A fault of this program; the peer and the other connections must not suffer more of it.
      this.log({
        level: "error",
        code: NbdCode.internal,
        message: "a message could not be processed",
        cause,
      });
      this.destroy();
    }
  }

  /** A batch: handlers run, and replies leave, when all messages of the chunk are submitted. */
  #read(bytes: Uint8Array, length: number, copied: boolean): void {
    const { core } = this.#server;
    let at = 0;
    this.#reading = true;
    this.#stalled = false;
    try {
      for (;;) {
        core.enter();
        try {
          at = this.#parse(bytes, at, length);
        } finally {
          core.leave();
        }
        // The end of the batch may have ended what was waited for.
        if (at >= length || this.#ending || this.#blocked) break;
      }
    } finally {
      this.#reading = false;
    }
    if (this.#ending) return;
    this.#stalled = this.#blocked;
    if (at < length) {
      const rest = bytes.subarray(at, length);
      const later = this.#held;
      this.#held = copied ? rest : new Uint8Array(rest);
      if (later.length > 0) this.#hold(later, later.length);
    }
    if (this.#held.length > 0 && !this.#stalled) this.#server.core.defer(this.#goingOn);
  }

  #parse(bytes: Uint8Array, from: number, length: number): number {
    let at = from;
    if (this.#transmission === undefined) at = this.#handshake.receive(bytes, at, length);
    return this.#transmission?.receive(bytes, at, length) ?? at;
  }

  get #blocked(): boolean {
    return (this.#transmission ?? this.#handshake).blocked;
  }

  #hold(bytes: Uint8Array, length: number): void {
    const held = new Uint8Array(this.#held.length + length);
    held.set(this.#held);
    held.set(bytes.subarray(0, length), this.#held.length);
    this.#held = held;
  }

  /** For the phases: what stalled the reading is over. */
  unblocked(): void {
    if (!this.#stalled || this.#reading) return;
    this.#stalled = false;
    this.#server.core.defer(this.#goingOn);
  }

  #goOn(): void {
    if (this.#ending || this.#reading) return;
    const held = this.#held;
    this.#held = NO_BYTES;
    if (held.length > 0) this.#take(held, held.length, true);
    this.#pauseOrResume();
  }

  drained(): void {
    this.#pauseOrResume();
  }

  #pauseOrResume(): void {
    if (this.#ending) return;
    const full = this.#transport.queuedLength > this.limits.sendQueueLengthMax;
    const pause = full || this.#stalled || this.#held.length > 0;
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#transport.pause();
    else this.#transport.resume();
  }

  closed(cause?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#end();
    this.log({ level: "info", code: NbdCode.closed, message: "connection closed", cause });
    const { core } = this.#server;
    core.enter();
    try {
      this.#transmission?.close();
      this.#writer.close();
      const session = this.#session;
      if (session === undefined) this.#server.forget(this);
      else session.close(() => this.#server.forget(this));
    } finally {
      core.leave();
    }
  }

  // The handshake.

  async open(chosen: NbdExport): Promise<OpenExport | undefined> {
    const session = this.#openSession();
    const { device, lun } = chosen;
    const properties = await describe(new ScsiClient(session, lun), device.type);
    return properties === undefined ? undefined : { export: chosen, session, properties };
  }

  /** One session a connection; TLS may have given the client another name. */
  #openSession(): Session {
    const { initiatorName } = this;
    if (this.#session !== undefined && this.#sessionName === initiatorName) return this.#session;
    this.#session?.close(() => undefined);
    this.#sessionName = initiatorName;
    this.#session = this.target.openSession({ initiatorName });
    connections.set(this.#session, this);
    return this.#session;
  }

  startTls(secured: () => void): void {
    const { tls, core } = this.#server;
    if (tls === undefined) return;
    // Behind the reply that permits it.
    core.defer({
      flush: () => {
        this.#writer.flush();
        this.#transport.startTls(tls, (clientName) => {
          this.#clientName = clientName;
          const as = clientName === undefined ? "" : ` as ${clientName}`;
          this.log({ level: "debug", code: NbdCode.secured, message: `TLS${as}` });
          secured();
        });
      },
    });
  }

  transmit(open: OpenExport, mode: ReplyMode, hasContext: boolean): void {
    if (this.#ending) return;
    this.#timer?.cancel();
    const { session, properties } = open;
    const { lun, name, device } = open.export;
    this.#transmission = new Transmission({
      host: this,
      writer: this.#writer,
      session,
      lun,
      device,
      properties,
      readOnly: isReadOnly(open),
      mode,
      hasContext,
    });
    this.log({
      level: "info",
      code: NbdCode.opened,
      message: `${this.initiatorName} has opened ${name}`,
    });
    this.unblocked();
  }

  // The end.

  #end(): void {
    this.#ending = true;
    this.#held = NO_BYTES;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Sends what there is to send, then closes; a peer that does not read is not waited for. */
  finish(): void {
    if (this.#ending) return;
    this.#end();
    this.#timer = this.after(this.limits.drainTimeMsMax, () => this.destroy());
    const writer = this.#writer;
    const transport = this.#transport;
    this.#server.core.defer({
      flush() {
        writer.flush();
        writer.seal();
        transport.end();
      },
    });
  }

  /** Closes because of the peer. */
  fail(code: NbdCode, message: string): void {
    if (!this.#closed) this.log({ level: "warning", code, message });
    this.finish();
  }

  /** Closes at once; what has not been sent is lost. */
  destroy(): void {
    this.#end();
    this.#writer.seal();
    this.#transport.destroy();
  }

  /** Takes no more requests, lets what is under way come to its end, closes; for the server. */
  shutDown(): void {
    if (this.#ending) return;
    const transmission = this.#transmission;
    if (transmission === undefined) {
      this.#handshake.shutDown();
      return;
    }
    this.#timer?.cancel();
    this.#timer = this.after(this.limits.drainTimeMsMax, () => this.destroy());
    transmission.shutDown();
  }
}
