import type { Device } from "../../core/device.ts";
import { INITIATOR_NAME_LENGTH_MAX } from "../../core/session.ts";
import type { Target } from "../../core/target.ts";
import { UsageError } from "../../protocol/errors.ts";
import { ISCSI_NAME_LENGTH_MAX, LoginStatus } from "../../protocol/iscsi/index.ts";
import { AccessRules, type IscsiAccess, type Path } from "./auth/access.ts";
import { type ChapOptions, ChapPolicy } from "./auth/chap-account.ts";
import { parseEndpoint } from "./auth/addresses.ts";
import { type LoginFailure, loginFailure } from "./errors.ts";

/** LUNs by number: a device, or the name of one. */
export type IscsiLuns = Iterable<readonly [lun: number, device: Device | string]>;

/** Initiators that have LUNs of their own. */
export interface IscsiGroup {
  readonly name: string;
  /**
   * Patterns of initiator names, as in {@link IscsiAccess}; with `perPortalGroups` of names with
   * `#` and the portal's address behind them.
   */
  readonly initiators: readonly string[];
  readonly luns: IscsiLuns;
}

/** Where an initiator is sent instead. */
export interface IscsiRedirect {
  /** `host:port`, an IPv6 address in brackets. */
  readonly address: string;
  /** The initiator may remember it. Default: false. */
  readonly permanent?: boolean | undefined;
}

/** A target for initiators to see. */
export interface IscsiExport {
  /** `iqn.…`, `eui.…` or `naa.…`, in lower case. */
  readonly iqn: string;
  /** What initiators have that belong to no group. */
  readonly luns: IscsiLuns;
  /** What people call it: TargetAlias. */
  readonly alias?: string | undefined;
  readonly groups?: readonly IscsiGroup[] | undefined;
  /** Groups know initiators by `name#portal-address`. Default: false. */
  readonly perPortalGroups?: boolean | undefined;
  readonly access?: IscsiAccess | undefined;
  /** Instead of the server's; false: without authentication. */
  readonly chap?: ChapOptions | false | undefined;
  readonly redirect?: IscsiRedirect | undefined;
  /** Sessions that it may have; one more is refused with "Out of resources". Default: any. */
  readonly sessionCountMax?: number | undefined;
}

const NAME = /^(?:iqn\.\d{4}-\d{2}\.[a-z0-9.:-]+|(?:eui|naa)\.[0-9a-f]+)$/;
const ALIAS_LENGTH_MAX = 255;

/** @throws UsageError ISCSI_NAME */
function checkTargetName(iqn: string): void {
  if (iqn.length <= ISCSI_NAME_LENGTH_MAX && NAME.test(iqn)) return;
  throw new UsageError(
    "ISCSI_NAME",
    `"${iqn}" is no iSCSI name: iqn.year-month.domain:name, eui.… or naa.…, lower case, ` +
      `at most ${ISCSI_NAME_LENGTH_MAX} characters`,
  );
}

/** An {@link IscsiExport}, checked, and the core's target behind it. */
export class ExportedTarget {
  readonly name: string;
  readonly alias: string | undefined;
  readonly chap: ChapPolicy | undefined;
  readonly sessionCountMax: number;
  readonly #access: AccessRules;
  readonly #redirect: IscsiRedirect | undefined;
  readonly #perPortalGroups: boolean;
  #target: Target | undefined;

  /**
   * @throws UsageError ISCSI_NAME, ISCSI_ALIAS, ISCSI_REDIRECT, ISCSI_SESSIONS, and those of
   *   access and CHAP
   */
  constructor(options: IscsiExport, serverChap: ChapPolicy | undefined) {
    const { iqn, alias, redirect, chap, sessionCountMax = Infinity } = options;
    checkTargetName(iqn);
    if (alias !== undefined && (Buffer.byteLength(alias) > ALIAS_LENGTH_MAX || /\0/.test(alias))) {
      throw new UsageError("ISCSI_ALIAS", `an alias has at most ${ALIAS_LENGTH_MAX} bytes, no NUL`);
    }
    if (redirect !== undefined && parseEndpoint(redirect.address) === undefined) {
      throw new UsageError("ISCSI_REDIRECT", `redirect to "${redirect.address}": not HOST:PORT`);
    }
    if (!(sessionCountMax >= 1)) {
      throw new UsageError("ISCSI_SESSIONS", `sessionCountMax is ${sessionCountMax}: 1 or more`);
    }
    this.name = iqn;
    this.sessionCountMax = sessionCountMax;
    this.alias = alias;
    this.#redirect = redirect;
    this.#perPortalGroups = options.perPortalGroups ?? false;
    this.#access = new AccessRules(options.access ?? {});
    if (chap === undefined) this.chap = serverChap;
    else this.chap = chap === false ? undefined : new ChapPolicy(chap);
  }

  /** The core's target. */
  get target(): Target {
    return this.#target as Target;
  }

  /** Makes the groups and LUNs of `target`. */
  attach(target: Target, { luns, groups = [] }: IscsiExport): void {
    this.#target = target;
    for (const [lun, device] of luns) target.addLun(lun, device);
    for (const { name, initiators, luns: own } of groups) {
      const group = target.addGroup(name);
      for (const [lun, device] of own) group.addLun(lun, device);
      for (const pattern of initiators) group.addInitiator(pattern);
    }
  }

  /** The name by which the core's groups know an initiator. */
  nameInGroups(initiatorName: string, { local }: Path): string {
    return this.#perPortalGroups ? `${initiatorName}#${local.host}` : initiatorName;
  }

  /** Why an initiator can't log in over `path`; undefined when it can. */
  refusal(initiatorName: string, path: Path): LoginFailure | undefined {
    const why = this.#access.refusal(initiatorName, path) ?? this.#noLun(initiatorName, path);
    if (why === undefined) return undefined;
    return loginFailure(LoginStatus.authorizationFailure, `${this.name}: ${why}`);
  }

  /** Where there are groups, who is in none of them and finds no LUN has no business here. */
  #noLun(initiatorName: string, path: Path): string | undefined {
    const name = this.nameInGroups(initiatorName, path);
    if (name.length > INITIATOR_NAME_LENGTH_MAX) return `the name ${name} is too long`;
    const { target } = this;
    if (target.groups.size === 0 || target.lunsFor(name).size > 0) return undefined;
    return `there is no LUN for initiator ${name}`;
  }

  /** The login's end when the target is to be had elsewhere. */
  moved(): LoginFailure | undefined {
    const redirect = this.#redirect;
    if (redirect === undefined) return undefined;
    const { address, permanent } = redirect;
    return {
      status:
        permanent === true
          ? LoginStatus.targetMovedPermanently
          : LoginStatus.targetMovedTemporarily,
      message: `${this.name} is at ${address}`,
      targetAddress: address,
    };
  }

  /** Whether SendTargets lists it at a portal of this address. */
  isAt(host: string): boolean {
    return this.#access.isAt(host);
  }
}
