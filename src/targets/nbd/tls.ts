import type { Socket } from "node:net";
import { createServer, type TlsOptions, type TLSSocket } from "node:tls";
import { UsageError } from "../../protocol/errors.ts";

/** How a server encrypts. Certificates, pre-shared keys, or both. */
export interface TlsSettings {
  /** "required": without TLS a client learns nothing, not even the names of exports. */
  readonly mode: "allowed" | "required";
  readonly x509?: X509Settings;
  /** The key of an identity, undefined where there is none. */
  readonly preSharedKey?: (identity: string) => Uint8Array | undefined;
}

/** In PEM. */
export interface X509Settings {
  readonly certificate: string | Uint8Array;
  readonly key: string | Uint8Array;
  /** By whom clients' certificates have to be signed. */
  readonly authority?: string | Uint8Array;
  /** A client needs a certificate; its common name is its initiator name. */
  readonly verifyPeer?: boolean;
}

/** OpenSSL's names. Node offers no cipher with pre-shared keys unless asked to. */
const PSK_CIPHERS = "ECDHE-PSK+AES:DHE-PSK+AES:PSK+AES:ECDHE-PSK-CHACHA20-POLY1305";
const X509_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20";

const HANDSHAKE_TIME_MS_MAX = 15_000;

/** @throws UsageError NBD_TLS where there is nothing to encrypt with */
export function checkTls({ x509, preSharedKey }: TlsSettings): void {
  if (x509 === undefined && preSharedKey === undefined) {
    throw new UsageError("NBD_TLS", "TLS needs a certificate with its key, or pre-shared keys");
  }
  if (x509?.verifyPeer === true && x509.authority === undefined) {
    throw new UsageError("NBD_TLS", "verifyPeer needs the authority that signs certificates");
  }
}

export interface TlsOutcome {
  secured(socket: TLSSocket, clientName: string | undefined): void;
  failed(cause: unknown): void;
}

/** Begins TLS on a socket whose peer has been told to. */
export function secure(socket: Socket, settings: TlsSettings, outcome: TlsOutcome): void {
  let identity: string | undefined;
  // A server of its own for each connection: so there is no doubt whose handshake it was.
  const server = createServer({
    ...optionsOf(settings, (name) => {
      identity = name;
    }),
    handshakeTimeout: HANDSHAKE_TIME_MS_MAX,
  });
  server.once("secureConnection", (secured) => {
    outcome.secured(secured, identity ?? commonNameOf(secured));
  });
  server.once("tlsClientError", (error) => outcome.failed(error));
  server.emit("connection", socket);
}

function optionsOf(
  { x509, preSharedKey }: TlsSettings,
  identified: (identity: string) => void,
): TlsOptions {
  const ciphers: string[] = [];
  const options: TlsOptions = { minVersion: "TLSv1.2" };
  if (x509 !== undefined) {
    ciphers.push(X509_CIPHERS);
    options.cert = bufferOf(x509.certificate);
    options.key = bufferOf(x509.key);
    if (x509.authority !== undefined) options.ca = bufferOf(x509.authority);
    options.requestCert = x509.verifyPeer === true;
    options.rejectUnauthorized = x509.verifyPeer === true;
  }
  if (preSharedKey !== undefined) {
    ciphers.push(PSK_CIPHERS);
    options.pskCallback = (_socket, identity) => {
      const key = preSharedKey(identity);
      if (key === undefined) return null;
      identified(identity);
      return Buffer.from(key);
    };
  }
  // OpenSSL takes external keys in TLS 1.3 only with ciphers that clients do not all offer.
  if (x509 === undefined) options.maxVersion = "TLSv1.2";
  options.ciphers = ciphers.join(":");
  return options;
}

function bufferOf(pem: string | Uint8Array): Buffer {
  return typeof pem === "string" ? Buffer.from(pem) : Buffer.from(pem);
}

/** Only of a certificate that was verified. */
function commonNameOf(socket: TLSSocket): string | undefined {
  if (!socket.authorized) return undefined;
  const name: unknown = socket.getPeerCertificate().subject?.CN;
  return typeof name === "string" && name !== "" ? name : undefined;
}
