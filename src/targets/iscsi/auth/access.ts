import { UsageError } from "../../../protocol/errors.ts";
import { fitsPattern } from "../../../core/name-pattern.ts";
import { AddressSet, type Endpoint } from "./addresses.ts";

/** Who may use a target. A rule that is left out lets everybody through. */
export interface IscsiAccess {
  /** Patterns of initiator names: `*` is any characters, `?` is one, the first `!` negates. */
  readonly initiators?: readonly string[] | undefined;
  /** The initiators' IP addresses and networks, such as `192.0.2.0/24`. */
  readonly addresses?: readonly string[] | undefined;
  /** The portals at which the target is to be had, by IP address or network. */
  readonly portals?: readonly string[] | undefined;
}

/** A connection's two ends. */
export interface Path {
  readonly remote: Endpoint;
  readonly local: Endpoint;
}

/** {@link IscsiAccess}, checked. */
export class AccessRules {
  readonly #initiators: readonly string[] | undefined;
  readonly #addresses: AddressSet | undefined;
  readonly #portals: AddressSet | undefined;

  /** @throws UsageError ISCSI_ACCESS, ISCSI_ADDRESS */
  constructor({ initiators, addresses, portals }: IscsiAccess) {
    for (const [name, rule] of Object.entries({ initiators, addresses, portals })) {
      if (rule?.length !== 0) continue;
      throw new UsageError("ISCSI_ACCESS", `access.${name} is empty: nobody could log in`);
    }
    this.#initiators = initiators;
    this.#addresses = addresses === undefined ? undefined : new AddressSet(addresses);
    this.#portals = portals === undefined ? undefined : new AddressSet(portals);
  }

  /** Why an initiator may not use the target over `path`; undefined when it may. */
  refusal(initiatorName: string, { remote, local }: Path): string | undefined {
    if (this.#initiators?.some((pattern) => fitsPattern(initiatorName, pattern)) === false) {
      return `initiator ${initiatorName} is not one of its initiators`;
    }
    if (this.#addresses?.has(remote.host) === false) {
      return `${remote.host} is not one of its addresses`;
    }
    if (!this.isAt(local.host)) return `it is not to be had at ${local.host}`;
    return undefined;
  }

  /** Whether the target is to be had at a portal of this address. */
  isAt(host: string): boolean {
    return this.#portals?.has(host) !== false;
  }
}
