import type { Transport, TransportEvents } from "../../../../src/targets/socket/transport.ts";

/** A socket without a network: what the connection writes is kept, in order. */
export class FakeTransport implements Transport {
  readonly localAddress: string;
  readonly remoteAddress: string;
  events: TransportEvents | undefined;
  /** Writes call back at once, or when `land` is called. */
  holdWrites = false;
  paused = false;
  ended = false;
  closed = false;
  writeCount = 0;
  queuedLength = 0;
  #chunks: Uint8Array[] = [];
  #corked = 0;
  readonly #callbacks: ((delivered: boolean) => void)[] = [];

  constructor(remoteAddress = "192.0.2.9:50000", localAddress = "192.0.2.1:3260") {
    this.remoteAddress = remoteAddress;
    this.localAddress = localAddress;
  }

  cork(): void {
    this.#corked++;
  }

  uncork(): void {
    this.#corked--;
    if (this.#corked === 0) this.writeCount++;
  }

  write(bytes: Uint8Array, done?: (delivered: boolean) => void): void {
    // A copy now, and once more when it lands: bytes may not change in between.
    this.#chunks.push(new Uint8Array(bytes));
    if (this.#corked === 0) this.writeCount++;
    if (done === undefined) return;
    if (this.holdWrites) this.#callbacks.push(done);
    else done(!this.closed);
  }

  /** The system takes what was written. */
  land(): void {
    for (const done of this.#callbacks.splice(0)) done(true);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
    this.destroy();
  }

  destroy(): void {
    if (this.closed) return;
    this.closed = true;
    // As sockets do it: not on the caller's stack.
    queueMicrotask(() => this.events?.closed());
  }

  /** Everything that was written since the last call. */
  take(): Uint8Array {
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = [];
    return bytes;
  }

  /** The peer sends `bytes`, in chunks of at most `chunkLength`. */
  send(bytes: Uint8Array, chunkLength = bytes.length): void {
    for (let at = 0; at < bytes.length && !this.closed; at += chunkLength) {
      // A buffer of its own: nothing may point into it afterwards.
      const chunk = new Uint8Array(bytes.subarray(at, at + chunkLength));
      this.events?.receive(chunk, chunk.length);
      chunk.fill(0xdb);
    }
  }
}
