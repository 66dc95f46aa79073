import type { Socket } from "node:net";
import type { Transport, TransportEvents } from "./transport.ts";

/** A socket as a connection sees it. */
export class SocketTransport implements Transport {
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** The one that was accepted. */
  protected readonly plain: Socket;
  /** The one that is written to. */
  #socket: Socket;
  #events: TransportEvents | undefined;
  #cause: unknown;

  constructor(socket: Socket) {
    this.plain = socket;
    this.#socket = socket;
    this.localAddress = endpointText(socket.localAddress, socket.localPort);
    this.remoteAddress = endpointText(socket.remoteAddress, socket.remotePort);
  }

  /** `released` is called when nothing is read any more. */
  attach(events: TransportEvents, released: () => void): void {
    this.#events = events;
    this.#listen(this.plain);
    this.plain.on("close", () => {
      released();
      events.closed(this.#cause);
    });
  }

  #listen(socket: Socket): void {
    socket.on("error", (error) => {
      this.#cause = error;
    });
    socket.on("drain", () => this.#events?.drained());
  }

  /** From now on everything goes through `socket`, which itself goes through the accepted one. */
  protected moveTo(socket: Socket): void {
    this.#socket = socket;
    this.#listen(socket);
    socket.on("data", (chunk: Buffer) => this.#events?.receive(chunk, chunk.length));
    socket.on("close", () => this.plain.destroy());
  }

  /** Closes at once, for a reason that the connection is told. */
  protected fail(cause: unknown): void {
    this.#cause = cause;
    this.plain.destroy();
  }

  get queuedLength(): number {
    return this.#socket.writableLength;
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  write(bytes: Uint8Array, done?: (delivered: boolean) => void): void {
    if (done === undefined) this.#socket.write(bytes);
    else this.#socket.write(bytes, (error) => done(error === undefined || error === null));
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    // Half-closed peers are not waited for: nothing more is read.
    this.#socket.end(() => this.destroy());
  }

  destroy(): void {
    this.#socket.destroy();
    this.plain.destroy();
  }
}

/** IPv4 addresses at a socket for both come in IPv6's clothes. */
export function plainAddress(address: string | undefined): string | undefined {
  return address?.startsWith("::ffff:") === true ? address.slice("::ffff:".length) : address;
}

/** `192.0.2.7:3260`, `[::1]:3260`; `unix` where there is no address. */
export function endpointText(host: string | undefined, port: number | undefined): string {
  const address = plainAddress(host);
  if (address === undefined) return UNIX_PEER_NAME;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The address of a peer at a Unix socket. */
export const UNIX_PEER_NAME = "unix";
