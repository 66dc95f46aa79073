import { CHAP_DIGESTS, type ChapDigestName } from "../auth/chap-digest.ts";
import type { ChapOptions, ChapUser } from "../auth/chap-account.ts";
import type { IscsiAccess } from "../auth/access.ts";
import type { IscsiExport, IscsiGroup, IscsiRedirect } from "../exported-target.ts";
import { checkLimits, ISCSI_LIMITS, type IscsiLimits } from "../limits.ts";
import type { IscsiPortal, IscsiServerOptions } from "../server.ts";
import { JsonValue } from "./json-value.ts";

/** Everything of an iSCSI server that a file can say. */
export interface IscsiConfig {
  readonly options: IscsiServerOptions;
  /** One at least. */
  readonly portals: readonly IscsiPortal[];
  readonly targets: readonly IscsiExport[];
}

/** How a configuration file's `secretFile` becomes a secret. */
export type SecretReader = (path: string) => string | Uint8Array;

const PORT_MAX = 65_535;
const LUN_MAX = 16_383;
const KEEP_ALIVE_MS_MAX = 3_600_000;
const TAG_MAX = 65_535;
const LIMIT_MAX = 2 ** 31 - 1;

const PORTAL_DEFAULT: IscsiPortal = { host: "127.0.0.1" };

/**
 * Reads the `iscsi` object of a configuration file (docs/iscsi.md has an example). Devices are
 * named; secrets are in files of their own, which `readSecret` reads.
 *
 * @throws UsageError ISCSI_CONFIG: which member is wrong, and what it must be
 */
export function iscsiOptionsFromJson(json: unknown, readSecret: SecretReader): IscsiConfig {
  const root = new JsonValue(json, "iscsi").object([
    "portals",
    "limits",
    "keepAliveMs",
    "chap",
    "discoveryChap",
    "targets",
  ]);
  const chap = (value: JsonValue) => chapOf(value, readSecret);
  return {
    options: {
      limits: root.limits.optional(limitsOf),
      keepAliveMs: root.keepAliveMs.optional((value) => value.wholeNumber(0, KEEP_ALIVE_MS_MAX)),
      chap: root.chap.optional(chap),
      discoveryChap: root.discoveryChap.optional(chap),
    },
    portals: root.portals.optional(portalsOf) ?? [PORTAL_DEFAULT],
    targets: root.targets.array().map((value) => targetOf(value, readSecret)),
  };
}

function limitsOf(value: JsonValue): Partial<IscsiLimits> {
  const names = Object.keys(ISCSI_LIMITS) as (keyof IscsiLimits)[];
  const members = value.object(names);
  const entries = names.flatMap((name) => {
    const limit = members[name].optional((member) => member.wholeNumber(0, LIMIT_MAX));
    return limit === undefined ? [] : [[name, limit] as const];
  });
  const limits = Object.fromEntries(entries) as Partial<IscsiLimits>;
  checkLimits({ ...ISCSI_LIMITS, ...limits });
  return limits;
}

function portalsOf(value: JsonValue): IscsiPortal[] {
  const portals = value.array().map((entry) => {
    const { host, port, portalGroupTag } = entry.object(["host", "port", "portalGroupTag"]);
    return {
      host: host.string(),
      port: port.optional((member) => member.wholeNumber(0, PORT_MAX)),
      portalGroupTag: portalGroupTag.optional((member) => member.wholeNumber(0, TAG_MAX)),
    };
  });
  if (portals.length === 0) value.fail("an array of one portal at least");
  return portals;
}

function chapOf(value: JsonValue, readSecret: SecretReader): ChapOptions {
  const { users, mutual, digests } = value.object(["users", "mutual", "digests"]);
  const user = (entry: JsonValue): ChapUser => {
    const { name, secretFile, initiators } = entry.object(["name", "secretFile", "initiators"]);
    return {
      name: name.string(),
      secret: readSecret(secretFile.string()),
      initiators: initiators.optional((list) => list.strings()),
    };
  };
  return {
    users: users.array().map(user),
    mutual: mutual.optional(user),
    digests: digests.optional((list) => list.array().map(digestOf)),
  };
}

function digestOf(value: JsonValue): ChapDigestName {
  const name = value.string();
  const digest = CHAP_DIGESTS.find((one) => one.name === name);
  return digest?.name ?? value.fail(CHAP_DIGESTS.map((one) => one.name).join(", "));
}

function targetOf(value: JsonValue, readSecret: SecretReader): IscsiExport {
  const target = value.object([
    "iqn",
    "alias",
    "luns",
    "groups",
    "perPortalGroups",
    "access",
    "chap",
    "redirect",
    "sessionCountMax",
  ]);
  return {
    iqn: target.iqn.string(),
    alias: target.alias.optional((member) => member.string()),
    luns: target.luns.optional(lunsOf) ?? [],
    groups: target.groups.optional((list) => list.array().map(groupOf)),
    perPortalGroups: target.perPortalGroups.optional((member) => member.boolean()),
    access: target.access.optional(accessOf),
    chap: target.chap.optional((member) => (member.is(false) ? false : chapOf(member, readSecret))),
    redirect: target.redirect.optional(redirectOf),
    sessionCountMax: target.sessionCountMax.optional((member) => member.wholeNumber(1, TAG_MAX)),
  };
}

function lunsOf(value: JsonValue): [number, string][] {
  return value.array().map((entry) => {
    const { lun, device } = entry.object(["lun", "device"]);
    return [lun.wholeNumber(0, LUN_MAX), device.string()];
  });
}

function groupOf(value: JsonValue): IscsiGroup {
  const { name, initiators, luns } = value.object(["name", "initiators", "luns"]);
  return { name: name.string(), initiators: initiators.strings(), luns: lunsOf(luns) };
}

function accessOf(value: JsonValue): IscsiAccess {
  const rules = value.object(["initiators", "addresses", "portals"]);
  const strings = (member: JsonValue) => member.strings();
  return {
    initiators: rules.initiators.optional(strings),
    addresses: rules.addresses.optional(strings),
    portals: rules.portals.optional(strings),
  };
}

function redirectOf(value: JsonValue): IscsiRedirect {
  const { address, permanent } = value.object(["address", "permanent"]);
  return {
    address: address.string(),
    permanent: permanent.optional((member) => member.boolean()),
  };
}
