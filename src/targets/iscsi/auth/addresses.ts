import { BlockList, isIP } from "node:net";
import { UsageError } from "../../../protocol/errors.ts";

/** One end of a connection, or where a portal listens. */
export interface Endpoint {
  /** An address without brackets and zone. */
  readonly host: string;
  readonly port: number;
}

const TEXT = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/;

/** `host:port`, an IPv6 address in brackets; undefined when it is none. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const [, six, four, port] = TEXT.exec(text) ?? [];
  const host = six ?? four;
  if (host === undefined || host === "" || Number(port) > 65_535) return undefined;
  return { host: withoutZone(host), port: Number(port) };
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function withoutZone(host: string): string {
  const zone = host.indexOf("%");
  return zone < 0 ? host : host.slice(0, zone);
}

/** IP addresses and networks, such as `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`. */
export class AddressSet {
  readonly #list = new BlockList();

  /** @throws UsageError ISCSI_ADDRESS */
  constructor(entries: readonly string[]) {
    for (const entry of entries) this.#add(entry);
  }

  #add(entry: string): void {
    const [address = "", prefix] = entry.split("/");
    const version = isIP(address);
    const family = version === 6 ? "ipv6" : "ipv4";
    const longest = version === 6 ? 128 : 32;
    const length = prefix === undefined ? longest : Number(prefix);
    const valid = /^\d{1,3}$/.test(prefix ?? "0") && length <= longest;
    if (version === 0 || !valid || entry.split("/").length > 2) {
      throw new UsageError(
        "ISCSI_ADDRESS",
        `"${entry}" is no IP address and no network such as 192.0.2.0/24`,
      );
    }
    this.#list.addSubnet(address, length, family);
  }

  has(host: string): boolean {
    const version = isIP(host);
    return version !== 0 && this.#list.check(host, version === 6 ? "ipv6" : "ipv4");
  }
}
