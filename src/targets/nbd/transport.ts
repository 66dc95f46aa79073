import type { Transport, TransportEvents } from "../socket/transport.ts";
import type { TlsSettings } from "./tls.ts";

export type { TransportEvents };

/** What an NBD connection needs of its socket. Tests give it bytes without one. */
export interface NbdTransport extends Transport {
  /** The peer's address without its port; `unix` for a Unix socket. */
  readonly peerName: string;
  /**
   * The client's next byte begins a TLS handshake. `secured` is told by which name it is known
   * then, undefined for none; a handshake that fails closes the transport.
   */
  startTls(settings: TlsSettings, secured: (clientName: string | undefined) => void): void;
}
