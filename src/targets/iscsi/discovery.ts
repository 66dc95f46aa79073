import { REJECT, type TextPair } from "../../protocol/iscsi/index.ts";
import type { Path } from "./auth/access.ts";
import { type Endpoint, formatEndpoint } from "./auth/addresses.ts";
import type { ExportedTarget } from "./exported-target.ts";
import type { Negotiation } from "./negotiation.ts";
import type { PortalAddress } from "./portal.ts";

/** What a text exchange knows of the server and its own session. */
export interface TextContext {
  readonly negotiation: Negotiation;
  /** The name of the session's target; undefined in a discovery session. */
  readonly targetName: string | undefined;
  /** The records of the targets that the initiator may use; of one, where a name is given. */
  records(name: string | undefined): TextPair[];
}

/** Answers the keys of a text in the full feature phase; a string says why it can't. */
export function answerText(context: TextContext, pairs: readonly TextPair[]): TextPair[] | string {
  const { negotiation } = context;
  negotiation.restart();
  const answers: TextPair[] = [];
  for (const [key, value] of pairs) {
    if (key === "SendTargets") {
      answers.push(...sendTargets(context, value));
      continue;
    }
    const { answer, failure } = negotiation.receive(key, value, "fullFeature");
    if (failure !== undefined) return failure.message;
    if (answer !== undefined) answers.push([key, answer]);
  }
  return answers;
}

/**
 * RFC 7143, "SendTargets": "All" is for discovery sessions, an empty value means the session's
 * own target, and a name that is not there gives no record.
 */
function sendTargets(context: TextContext, value: string): TextPair[] {
  const { targetName } = context;
  const discovery = targetName === undefined;
  if (value === "All" ? !discovery : value === "" && discovery) return [["SendTargets", REJECT]];
  if (value === "All") return context.records(undefined);
  return context.records(value === "" ? targetName : value.toLowerCase());
}

/** What there is to be listed, and for whom. */
export interface Directory {
  readonly targets: Iterable<ExportedTarget>;
  readonly portals: Iterable<PortalAddress>;
  readonly initiatorName: string;
  readonly path: Path;
  /** The portal group of the connection. */
  readonly targetPortalGroupTag: number;
}

/** TargetName and TargetAddress of what the initiator may use, and where it may do so. */
export function recordsOf(directory: Directory, name: string | undefined): TextPair[] {
  const { targets, initiatorName, path } = directory;
  const places = placesOf(directory);
  const records: TextPair[] = [];
  for (const target of targets) {
    if (name !== undefined && target.name !== name) continue;
    const found = places.filter(
      ({ local }) => target.refusal(initiatorName, { remote: path.remote, local }) === undefined,
    );
    if (found.length === 0) continue;
    records.push(["TargetName", target.name]);
    for (const { text } of found) records.push(["TargetAddress", text]);
  }
  return records;
}

interface Place {
  readonly local: Endpoint;
  readonly text: string;
}

/** The portals as this initiator can reach them. */
function placesOf({ portals, path, targetPortalGroupTag }: Directory): Place[] {
  const places = new Map<string, Endpoint>();
  for (const { host, port, portalGroupTag } of portals) {
    const reachable = reachableHost(host, path.local.host);
    if (reachable === undefined) continue;
    const local = { host: reachable, port };
    places.set(`${formatEndpoint(local)},${portalGroupTag}`, local);
  }
  // A connection that came by no portal came from within the process.
  if (places.size === 0) {
    places.set(`${formatEndpoint(path.local)},${targetPortalGroupTag}`, path.local);
  }
  return Array.from(places, ([text, local]) => ({ local, text }));
}

/** A portal that listens on all addresses is where the initiator has found us. */
function reachableHost(host: string, localHost: string): string | undefined {
  if (host === "::") return localHost;
  if (host !== "0.0.0.0") return host;
  return localHost.includes(":") ? undefined : localHost;
}
