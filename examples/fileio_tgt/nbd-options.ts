import { activationSockets, type NbdAddress, UsageError } from "scst-user";

/** How to serve by NBD. */
export interface NbdOptions {
  readonly addresses: readonly NbdAddress[];
  readonly tls: TlsFiles | undefined;
}

/** Where certificates and keys are. */
export interface TlsFiles {
  readonly mode: "allowed" | "required";
  readonly folder: string | undefined;
  readonly verifyPeer: boolean;
  readonly preSharedKeys: string | undefined;
}

interface Values {
  readonly nbd?: string;
  readonly tls?: string;
  readonly tls_certificates?: string;
  readonly tls_verify_peer?: boolean;
  readonly tls_psk?: string;
}

const DEFAULT_ADDRESS: NbdAddress = { host: "127.0.0.1", port: 10_809 };
const TCP = /^(\[[\da-f:.]+\]|[\w.-]*):(\d+)$/i;
const UNIX = "unix:";

/** @throws UsageError OPTION */
export function nbdOptionsOf(values: Values): NbdOptions | undefined {
  const tls = tlsOf(values);
  if (values.nbd === undefined) {
    if (tls !== undefined) throw wrong("--tls is about NBD: --nbd is missing");
    return undefined;
  }
  return { addresses: values.nbd === "" ? defaultAddresses() : [addressOf(values.nbd)], tls };
}

function defaultAddresses(): NbdAddress[] {
  const fds = activationSockets(process.env, process.pid);
  return fds.length > 0 ? fds.map((fd) => ({ fd })) : [DEFAULT_ADDRESS];
}

function addressOf(text: string): NbdAddress {
  if (text.startsWith(UNIX) && text.length > UNIX.length) return { path: text.slice(UNIX.length) };
  const [, host, port] = TCP.exec(text) ?? [];
  if (host === undefined || !(Number(port) <= 65_535)) {
    throw wrong(`--nbd ${text}: it must be HOST:PORT, such as 127.0.0.1:10809, or unix:PATH`);
  }
  return { host: host === "" ? "0.0.0.0" : host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

function tlsOf(values: Values): TlsFiles | undefined {
  const { tls: mode = "off", tls_certificates: folder, tls_psk: preSharedKeys } = values;
  if (mode === "off") return undefined;
  if (mode !== "allowed" && mode !== "required") {
    throw wrong(`--tls ${mode}: it must be one of off, allowed, required`);
  }
  if (folder === undefined && preSharedKeys === undefined) {
    throw wrong(`--tls ${mode}: --tls_certificates or --tls_psk is missing`);
  }
  return { mode, folder, verifyPeer: values.tls_verify_peer ?? false, preSharedKeys };
}

function wrong(message: string): UsageError {
  return new UsageError("OPTION", message);
}
