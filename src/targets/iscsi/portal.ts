import { UsageError } from "../../protocol/errors.ts";
import { Acceptor, listenError } from "../socket/acceptor.ts";
import type { Attention } from "../../runtime/attention.ts";
import { SocketTransport } from "../socket/socket-transport.ts";
import type { Transport, TransportEvents } from "../socket/transport.ts";

/** Where a portal listens. */
export interface PortalAddress {
  readonly host: string;
  readonly port: number;
  /** Portals with the same tag reach the same sessions. */
  readonly portalGroupTag: number;
}

/** Makes a connection for a socket; undefined when there may be no more. */
export type Accept = (transport: Transport) => TransportEvents | undefined;

/** A TCP port that accepts iSCSI connections. */
export class Portal {
  readonly #acceptor: Acceptor<SocketTransport>;
  readonly #portalGroupTag: number;
  #address: PortalAddress | undefined;

  constructor(portalGroupTag: number, accept: Accept, attention: Attention) {
    this.#portalGroupTag = portalGroupTag;
    this.#acceptor = new Acceptor((socket) => new SocketTransport(socket), accept, attention);
  }

  get address(): PortalAddress | undefined {
    return this.#address;
  }

  async listen({ host, port }: { host: string; port: number }): Promise<PortalAddress> {
    const bound = await this.#acceptor.listen({ host, port }).catch((error: unknown) => {
      throw listenError(`${host}:${port}`, error);
    });
    if (bound === null || typeof bound === "string") {
      throw new UsageError("ISCSI_PORTAL", "a portal is a TCP port");
    }
    const portalGroupTag = this.#portalGroupTag;
    this.#address = { host: bound.address, port: bound.port, portalGroupTag };
    return this.#address;
  }

  /** Accepts no more connections. Those that are open stay. */
  close(): Promise<void> {
    this.#address = undefined;
    return this.#acceptor.close();
  }
}
