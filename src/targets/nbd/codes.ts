/** The stable codes of what a connection logs and closes for. */
export const NbdCode = {
  accepted: "NBD_ACCEPTED",
  closed: "NBD_CLOSED",
  connections: "NBD_CONNECTIONS_MAX",
  forced: "NBD_FORCED_CLOSE",
  handshake: "NBD_HANDSHAKE",
  handshakeTimeout: "NBD_HANDSHAKE_TIMEOUT",
  internal: "NBD_INTERNAL",
  opened: "NBD_OPENED",
  refused: "NBD_REFUSED",
  request: "NBD_REQUEST",
  retried: "NBD_RETRIED",
  secured: "NBD_SECURED",
  tls: "NBD_TLS",
} as const;
export type NbdCode = (typeof NbdCode)[keyof typeof NbdCode];
