import { unlink } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { NBD_PORT } from "../../protocol/nbd/index.ts";
import { Acceptor, listenError } from "../socket/acceptor.ts";
import type { Attention } from "../../runtime/attention.ts";
import {
  endpointText,
  plainAddress,
  SocketTransport,
  UNIX_PEER_NAME,
} from "../socket/socket-transport.ts";
import type { TransportEvents } from "../socket/transport.ts";
import { secure, type TlsSettings } from "./tls.ts";
import type { NbdTransport } from "./transport.ts";

/** Where a server listens: a TCP port, a Unix socket, or a socket that somebody has opened. */
export type NbdAddress =
  | { readonly host: string; readonly port?: number }
  | { readonly path: string }
  | { readonly fd: number };

/** Makes a connection for a socket; undefined when there may be no more. */
export type Accept = (transport: NbdTransport) => TransportEvents | undefined;

/** A socket that accepts NBD connections. */
export class Listener {
  readonly #acceptor: Acceptor<NbdSocketTransport>;

  constructor(accept: Accept, attention: Attention) {
    this.#acceptor = new Acceptor<NbdSocketTransport>(
      (socket) => new NbdSocketTransport(socket),
      accept,
      attention,
    );
  }

  /** Resolves with the address, its port filled in. */
  async listen(address: NbdAddress): Promise<NbdAddress> {
    const bound = await this.#listen(address).catch(async (error: unknown) => {
      if (!("path" in address) || !isInUse(error) || (await answers(address.path))) {
        throw listenError(nbdAddressText(address), error);
      }
      // Left behind by a server that did not end as it should.
      await unlink(address.path);
      return await this.#listen(address).catch((again: unknown) => {
        throw listenError(nbdAddressText(address), again);
      });
    });
    if (bound === null || typeof bound === "string") return address;
    return { host: bound.address, port: bound.port };
  }

  #listen(address: NbdAddress) {
    return this.#acceptor.listen(
      "host" in address ? { ...address, port: address.port ?? NBD_PORT } : address,
    );
  }

  /** Accepts no more connections. Those that are open stay. */
  close(): Promise<void> {
    return this.#acceptor.close();
  }
}

/** A socket that can go over to TLS. */
class NbdSocketTransport extends SocketTransport implements NbdTransport {
  readonly peerName: string;
  /** A TLS handshake is under way: it needs the accepted socket to be read. */
  #securing = false;

  constructor(socket: Socket) {
    super(socket);
    this.peerName = plainAddress(socket.remoteAddress) ?? UNIX_PEER_NAME;
  }

  startTls(settings: TlsSettings, secured: (clientName: string | undefined) => void): void {
    this.#securing = true;
    secure(this.plain, settings, {
      secured: (socket, clientName) => {
        this.#securing = false;
        this.moveTo(socket);
        secured(clientName);
      },
      failed: (cause) => this.fail(cause),
    });
  }

  override pause(): void {
    if (!this.#securing) super.pause();
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

/** `127.0.0.1:10809`, `[::1]:10809`, `unix:PATH`, `fd:3`. */
export function nbdAddressText(address: NbdAddress): string {
  if ("path" in address) return `unix:${address.path}`;
  if ("fd" in address) return `fd:${address.fd}`;
  return endpointText(address.host, address.port ?? NBD_PORT);
}
