import { readFileSync } from "node:fs";
import { join } from "node:path";

import { type Core, type NbdAddress, NbdServer, type TlsSettings, UsageError } from "scst-user";

import type { NbdOptions, TlsFiles } from "./nbd-options.ts";

/** The same devices by NBD. */
export class NbdFront {
  readonly #server: NbdServer;
  readonly #options: NbdOptions;

  constructor(core: Core, options: NbdOptions) {
    this.#options = options;
    const { tls } = options;
    this.#server = new NbdServer(core, tls === undefined ? {} : { tls: tlsSettingsOf(tls) });
  }

  /** Exports the devices and listens. Returns a URI for each device and address. */
  async start(devices: readonly string[]): Promise<Map<string, string[]>> {
    for (const [lun, name] of devices.entries()) this.#server.target.addLun(lun, name);
    const addresses: NbdAddress[] = [];
    for (const address of this.#options.addresses) {
      addresses.push(await this.#server.listen(address));
    }
    const scheme = this.#options.tls === undefined ? "nbd" : "nbds";
    return new Map(
      devices.map((name) => [name, addresses.map((address) => uriOf(scheme, address, name))]),
    );
  }

  async close(): Promise<void> {
    await this.#server.close();
  }
}

function uriOf(scheme: string, address: NbdAddress, name: string): string {
  const path = encodeURIComponent(name);
  if ("path" in address) return `${scheme}+unix:///${path}?socket=${address.path}`;
  if ("fd" in address) return `${scheme}:// on descriptor ${address.fd}, export ${name}`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${scheme}://${host}:${address.port}/${path}`;
}

function tlsSettingsOf({ mode, folder, verifyPeer, preSharedKeys }: TlsFiles): TlsSettings {
  const keys = preSharedKeys === undefined ? undefined : readKeys(preSharedKeys);
  return {
    mode,
    ...(folder === undefined
      ? {}
      : {
          x509: {
            certificate: readFileSync(join(folder, "server-cert.pem")),
            key: readFileSync(join(folder, "server-key.pem")),
            ...(verifyPeer ? { authority: readFileSync(join(folder, "ca-cert.pem")) } : {}),
            verifyPeer,
          },
        }),
    ...(keys === undefined ? {} : { preSharedKey: (identity: string) => keys.get(identity) }),
  };
}

/** A file as GnuTLS's psktool writes it. */
function readKeys(path: string): Map<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>();
  for (const [index, line] of readFileSync(path, "utf8").split("\n").entries()) {
    if (line.trim() === "") continue;
    const [, name, key] = /^([^:]+):((?:[\da-f]{2})+)$/i.exec(line.trim()) ?? [];
    if (name === undefined || key === undefined) {
      throw new UsageError("OPTION", `${path}, line ${index + 1}: it must be NAME:KEY`);
    }
    keys.set(name, Buffer.from(key, "hex"));
  }
  return keys;
}
