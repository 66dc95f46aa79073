/** What a connection needs of its socket. Tests give it bytes without one. */
export interface Transport {
  /** `address:port`, IPv6 addresses in brackets. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** Bytes written and not yet taken by the system. */
  readonly queuedLength: number;
  /** Until `uncork`, writes are gathered. */
  cork(): void;
  uncork(): void;
  /**
   * Sends `bytes`, which must stay as they are until `done` is called, in the order of writes:
   * with true when the system has them, with false when they are lost.
   */
  write(bytes: Uint8Array, done?: (delivered: boolean) => void): void;
  /** No more `receive` until `resume`. */
  pause(): void;
  resume(): void;
  /** Sends what was written, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** What a socket tells its connection. */
export interface TransportEvents {
  /** `bytes[0..length)` have arrived; they are the connection's until it returns. */
  receive(bytes: Uint8Array, length: number): void;
  /** Everything that waited in the socket has been sent. */
  drained(): void;
  /** The socket is closed; there are no more events. */
  closed(cause?: unknown): void;
}
