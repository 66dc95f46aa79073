import { createServer, type Server, Socket } from "node:net";
import { SystemError, UsageError } from "../../protocol/errors.ts";
import { formatEndpoint } from "./auth/addresses.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** Bytes that are read from a socket at once; measured best for 64 KiB requests. */
const READ_BUFFER_LENGTH = 262_144;

/** Read buffers kept for later connections. */
const SPARE_BUFFER_COUNT_MAX = 16;

/** Where a portal listens. */
export interface PortalAddress {
  readonly host: string;
  readonly port: number;
  /** Portals with the same tag reach the same sessions. */
  readonly portalGroupTag: number;
}

/** Makes a connection for a socket; undefined when there may be no more. */
export type Accept = (transport: Transport) => TransportEvents | undefined;

/** Milliseconds of silence after which the system asks whether the peer is still there. */
const TCP_KEEP_ALIVE_MS = 60_000;

/** Where Node keeps a socket's handle. */
const HANDLE = "_handle";

/** A TCP port that accepts iSCSI connections. The only file here that knows sockets. */
export class Portal {
  readonly #server: Server;
  readonly #portalGroupTag: number;
  readonly #accept: Accept;
  readonly #open = new Set<Socket>();
  readonly #spareBuffers: Uint8Array[] = [];
  #address: PortalAddress | undefined;

  constructor(portalGroupTag: number, accept: Accept) {
    this.#portalGroupTag = portalGroupTag;
    this.#accept = accept;
    const options = {
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    };
    this.#server = createServer(options, (socket) => this.#take(socket));
  }

  get address(): PortalAddress | undefined {
    return this.#address;
  }

  listen({ host, port }: { host: string; port: number }): Promise<PortalAddress> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException) => {
        const { code = "EIO", errno = 0 } = error;
        reject(
          new SystemError(code, Math.abs(errno), `can't listen on ${host}:${port}: ${code}`, {
            cause: error,
          }),
        );
      };
      server.once("error", failed);
      server.listen({ host, port }, () => {
        server.off("error", failed);
        // Accepting can fail for a while (no descriptors left); the portal goes on.
        server.on("error", () => undefined);
        const address = server.address();
        if (address === null || typeof address === "string") {
          reject(new UsageError("ISCSI_PORTAL", "a portal is a TCP port"));
          return;
        }
        const portalGroupTag = this.#portalGroupTag;
        this.#address = { host: address.address, port: address.port, portalGroupTag };
        resolve(this.#address);
      });
    });
  }

  /** Accepts no more connections. Those that are open stay. */
  close(): Promise<void> {
    this.#address = undefined;
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
          return true;
        },
      },
    };
    const socket = new Socket(options);
    // Only now: the server's count of connections falls, and the handle is not the first's.
    accepted.destroy();
    const events = this.#accept(new SocketTransport(socket));
    if (events === undefined) {
      socket.on("error", () => undefined);
      socket.destroy();
      return;
    }
    route.events = events;
    this.#attach(socket, events, buffer);
    socket.resume();
  }

  #attach(socket: Socket, events: TransportEvents, buffer: Uint8Array): void {
    let cause: unknown;
    this.#open.add(socket);
    socket.on("error", (error) => {
      cause = error;
    });
    socket.on("drain", () => events.drained());
    socket.on("close", () => {
      this.#open.delete(socket);
      if (this.#spareBuffers.length < SPARE_BUFFER_COUNT_MAX) this.#spareBuffers.push(buffer);
      events.closed(cause);
    });
  }
}

/** A socket as a connection sees it. */
class SocketTransport implements Transport {
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.localAddress = addressText(socket.localAddress, socket.localPort);
    this.remoteAddress = addressText(socket.remoteAddress, socket.remotePort);
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
    this.#socket.end(() => this.#socket.destroy());
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function addressText(address = "", port = 0): string {
  const host = address.startsWith("::ffff:") ? address.slice(7) : address;
  return formatEndpoint({ host, port });
}
