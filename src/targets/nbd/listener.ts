import { unlink } from "node:fs/promises";
import { createServer, connect, type ListenOptions, type Server, Socket } from "node:net";
import { SystemError } from "../../protocol/errors.ts";
import { NBD_PORT } from "../../protocol/nbd/index.ts";
import { secure, type TlsSettings } from "./tls.ts";
import type { NbdTransport, TransportEvents } from "./transport.ts";

/** Bytes that are read from a socket at once. */
const READ_BUFFER_LENGTH = 262_144;

/** Read buffers kept for later connections. */
const SPARE_BUFFER_COUNT_MAX = 16;

/** A client that is gone without a word is noticed after this long. */
const KEEP_ALIVE_MS = 60_000;

/** The address of a client at a Unix socket, for groups. */
const UNIX_PEER_NAME = "unix";

/** Where a server listens: a TCP port, a Unix socket, or a socket that somebody has opened. */
export type NbdAddress =
  | { readonly host: string; readonly port?: number }
  | { readonly path: string }
  | { readonly fd: number };

/** Makes a connection for a socket; undefined when there may be no more. */
export type Accept = (transport: NbdTransport) => TransportEvents | undefined;

/** Where Node keeps a socket's handle. */
const HANDLE = "_handle";

/** A socket that accepts NBD connections. The only file here that knows sockets. */
export class Listener {
  readonly #server: Server;
  readonly #accept: Accept;
  readonly #spareBuffers: Uint8Array[] = [];

  constructor(accept: Accept) {
    this.#accept = accept;
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
      this.#take(socket);
    });
  }

  /** Resolves with the address, its port filled in. */
  async listen(address: NbdAddress): Promise<NbdAddress> {
    try {
      await this.#listen(address);
    } catch (error) {
      if (!("path" in address) || !isInUse(error) || (await answers(address.path))) {
        throw systemError(address, error);
      }
      // Left behind by a server that did not end as it should.
      await unlink(address.path);
      try {
        await this.#listen(address);
      } catch (again) {
        throw systemError(address, again);
      }
    }
    // Accepting can fail for a while (no descriptors left); the listener goes on.
    this.#server.on("error", () => undefined);
    const bound = this.#server.address();
    if (bound === null || typeof bound === "string") return address;
    return { host: bound.address, port: bound.port };
  }

  #listen(address: NbdAddress): Promise<void> {
    const options: ListenOptions & { fd?: number } =
      "host" in address ? { ...address, port: address.port ?? NBD_PORT } : address;
    return new Promise((resolve, reject) => {
      const server = this.#server;
      server.once("error", reject);
      server.listen(options, () => {
        server.off("error", reject);
        resolve();
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
          return true;
        },
      },
    };
    const socket = new Socket(options);
    // Only now: the server's count of connections falls, and the handle is not the first's.
    accepted.destroy();
    const transport = new SocketTransport(socket);
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

/** A socket as a connection sees it. */
class SocketTransport implements NbdTransport {
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly peerName: string;
  /** The one that is written to: the plain one, or TLS over it. */
  #socket: Socket;
  readonly #plain: Socket;
  /** A TLS handshake is under way: it needs the plain socket to be read. */
  #securing = false;
  #events: TransportEvents | undefined;
  #cause: unknown;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#plain = socket;
    const address = plainAddress(socket.remoteAddress);
    this.peerName = address ?? UNIX_PEER_NAME;
    this.localAddress = addressText(plainAddress(socket.localAddress), socket.localPort);
    this.remoteAddress = addressText(address, socket.remotePort);
  }

  /** `released` is called when nothing is read any more. */
  attach(events: TransportEvents, released: () => void): void {
    this.#events = events;
    this.#listen(this.#plain);
    this.#plain.on("close", () => {
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

  startTls(settings: TlsSettings, secured: (clientName: string | undefined) => void): void {
    this.#securing = true;
    secure(this.#plain, settings, {
      secured: (socket, clientName) => {
        this.#securing = false;
        this.#socket = socket;
        this.#listen(socket);
        socket.on("data", (chunk: Buffer) => this.#events?.receive(chunk, chunk.length));
        socket.on("close", () => this.#plain.destroy());
        secured(clientName);
      },
      failed: (cause) => {
        this.#cause = cause;
        this.#plain.destroy();
      },
    });
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
    if (!this.#securing) this.#socket.pause();
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
    this.#plain.destroy();
  }
}

function isInUse(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "EADDRINUSE";
}

/** Whether somebody listens on a Unix socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const tell = (somebody: boolean) => {
      socket.destroy();
      resolve(somebody);
    };
    socket.once("connect", () => tell(true));
    socket.once("error", (error: NodeJS.ErrnoException) => tell(error.code !== "ECONNREFUSED"));
  });
}

function systemError(address: NbdAddress, cause: unknown): SystemError {
  const { code = "EIO", errno = 0 } = cause as NodeJS.ErrnoException;
  const where = nbdAddressText(address);
  return new SystemError(code, Math.abs(errno), `can't listen on ${where}: ${code}`, { cause });
}

/** `127.0.0.1:10809`, `[::1]:10809`, `unix:PATH`, `fd:3`. */
export function nbdAddressText(address: NbdAddress): string {
  if ("path" in address) return `unix:${address.path}`;
  if ("fd" in address) return `fd:${address.fd}`;
  return addressText(address.host, address.port ?? NBD_PORT);
}

/** IPv4 addresses at a socket for both come in IPv6's clothes. */
function plainAddress(address: string | undefined): string | undefined {
  return address?.startsWith("::ffff:") === true ? address.slice("::ffff:".length) : address;
}

function addressText(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return UNIX_PEER_NAME;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
