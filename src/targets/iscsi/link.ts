import type { Timer } from "../../core/clock.ts";
import type { Core } from "../../core/core.ts";
import type { Log } from "../../core/log.ts";
import { LOGIN_DATA_SEGMENT_LENGTH_MAX } from "../../protocol/iscsi/index.ts";
import { IscsiCode } from "./errors.ts";
import type { IscsiLimits } from "./limits.ts";
import { type PduConsumer, PduReader } from "./pdu-reader.ts";
import { PduWriter } from "./pdu-writer.ts";
import type { Transport, TransportEvents } from "../socket/transport.ts";

export interface LinkOptions {
  readonly core: Core;
  readonly limits: IscsiLimits;
  readonly transport: Transport;
  readonly log: Log;
  /** Something has come. */
  readonly heard: () => void;
  /** No more is read. */
  readonly ended: () => void;
  /** The socket is gone, and so is all that was to be sent. Within a batch. */
  readonly closed: () => void;
}

/** A socket with its reader and its writer: batches, backpressure, and the ways to an end. */
export class Link implements TransportEvents {
  readonly transport: Transport;
  readonly reader: PduReader;
  readonly writer: PduWriter;
  receivedLength = 0;
  readonly #options: LinkOptions;
  #timer: Timer | undefined;
  /** Nothing more is read or answered. */
  #ending = false;
  #closed = false;
  #paused = false;

  /** @param consumer makes who gets the first PDUs */
  constructor(options: LinkOptions, consumer: (link: Link) => PduConsumer) {
    this.#options = options;
    this.transport = options.transport;
    this.writer = new PduWriter(options.transport, options.core);
    this.reader = new PduReader(consumer(this), LOGIN_DATA_SEGMENT_LENGTH_MAX);
  }

  get ending(): boolean {
    return this.#ending;
  }

  /** The one thing that is waited for; the one before is forgotten. */
  setTimer(delayMs: number, callback: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#options.core.clock.after(delayMs, callback);
  }

  cancelTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  receive(bytes: Uint8Array, length: number): void {
    if (this.#ending) return;
    this.receivedLength += length;
    this.#options.heard();
    try {
      this.#process(bytes, length);
    } catch (cause) {
      // A fault of this program; the peer and the other connections must not suffer more of it.
      const code = IscsiCode.internal;
      this.#options.log({ level: "error", code, message: "a PDU could not be processed", cause });
      this.destroy();
    }
    if (this.transport.queuedLength > this.#options.limits.sendQueueLengthMax) this.pause();
  }

  /** A batch: handlers run, and responses leave, when all PDUs of the chunk are submitted. */
  #process(bytes: Uint8Array, length: number): void {
    const { core } = this.#options;
    core.enter();
    try {
      this.reader.receive(bytes, length);
    } finally {
      core.leave();
    }
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.transport.pause();
  }

  drained(): void {
    if (!this.#paused || this.#ending) return;
    this.#paused = false;
    this.transport.resume();
  }

  closed(cause?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#end();
    const { core, log, closed } = this.#options;
    log({ level: "info", code: IscsiCode.closed, message: "connection closed", cause });
    core.enter();
    try {
      this.writer.close();
      closed();
    } finally {
      core.leave();
    }
  }

  /** Reads no further; what is in the writer still leaves. */
  #end(): void {
    this.#ending = true;
    this.reader.stop();
    this.cancelTimer();
    this.#options.ended();
  }

  /** Sends what there is to send, then closes; a peer that does not read is not waited for. */
  finish(): void {
    if (this.#ending) return;
    this.#end();
    const { core, limits } = this.#options;
    this.setTimer(limits.drainTimeMsMax, () => this.destroy());
    const { transport, writer } = this;
    core.enter();
    core.defer({
      flush() {
        writer.flush();
        writer.seal();
        transport.end();
      },
    });
    core.leave();
  }

  /** Closes because of the peer. */
  fail(code: IscsiCode, message: string): void {
    if (this.#ending) return;
    this.#options.log({ level: "warning", code, message });
    this.finish();
  }

  /** Closes at once; what has not been sent is lost. */
  destroy(): void {
    this.#end();
    this.writer.seal();
    this.transport.destroy();
  }
}
