import { type AddressInfo, createServer, type ListenOptions, type Server, Socket } from "node:net";
import { SystemError } from "../../protocol/errors.ts";
import type { SocketTransport } from "./socket-transport.ts";
import type { Attention } from "../../runtime/attention.ts";
import type { TransportEvents } from "./transport.ts";

/** Bytes that are read from a socket at once; measured best for 64 KiB requests. */
const READ_BUFFER_LENGTH = 262_144;

/** Read buffers kept for later connections. */
const SPARE_BUFFER_COUNT_MAX = 16;

/** Milliseconds of silence after which the system asks whether the peer is still there. */
const KEEP_ALIVE_MS = 60_000;

/** Where Node keeps a socket's handle. */
const HANDLE = "_handle";

/** Accepts connections at one socket. The only file here that makes sockets. */
export class Acceptor<T extends SocketTransport> {
  readonly #server: Server;
  readonly #wrap: (socket: Socket) => T;
  readonly #accept: (transport: T) => TransportEvents | undefined;
  readonly #attention: Attention;
  readonly #spareBuffers: Uint8Array[] = [];

  /** @param accept makes a connection for a transport; undefined when there may be no more */
  constructor(
    wrap: (socket: Socket) => T,
    accept: (transport: T) => TransportEvents | undefined,
    attention: Attention,
  ) {
    this.#wrap = wrap;
    this.#accept = accept;
    this.#attention = attention;
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
      this.#take(socket);
    });
  }

  /** Resolves with where it listens; rejects with Node's own error. */
  listen(options: ListenOptions & { readonly fd?: number }): Promise<AddressInfo | string | null> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(options, () => {
        server.off("error", reject);
        // Accepting can fail for a while (no descriptors left); the server goes on.
        server.on("error", () => undefined);
        resolve(server.address());
      });
    });
  }

  /** Accepts no more connections. Those that are open stay. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#server.listening) resolve();
      else this.#server.close(() => resolve());
    });
  }

  /**
   * Reading into one buffer of ours is an option of `new Socket` only, and accepted sockets are
   * made by the server: so a second socket takes the first one's handle.
   */
  #take(accepted: Socket): void {
    const handle: unknown = Reflect.get(accepted, HANDLE);
    if (handle === null) return;
    Reflect.set(accepted, HANDLE, null);
    const buffer = this.#spareBuffers.pop() ?? Buffer.allocUnsafeSlow(READ_BUFFER_LENGTH);
    const route: { events?: TransportEvents } = {};
    const options = {
      handle,
      readable: true,
      writable: true,
      onread: {
        buffer,
        callback: (length: number): boolean => {
          route.events?.receive(buffer, length);
          this.#attention.received(length);
          return true;
        },
      },
    };
    const socket = new Socket(options);
    // Only now: the server's count of connections falls, and the handle is not the first's.
    accepted.destroy();
    const transport = this.#wrap(socket);
    const events = this.#accept(transport);
    if (events === undefined) {
      socket.on("error", () => undefined);
      socket.destroy();
      return;
    }
    route.events = events;
    transport.attach(events, () => {
      if (this.#spareBuffers.length < SPARE_BUFFER_COUNT_MAX) this.#spareBuffers.push(buffer);
    });
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.resume();
  }
}

/** Why nothing can listen at `where`, with the system's code. */
export function listenError(where: string, cause: unknown): SystemError {
  const { code = "EIO", errno = 0 } = cause as NodeJS.ErrnoException;
  return new SystemError(code, Math.abs(errno), `can't listen on ${where}: ${code}`, { cause });
}
