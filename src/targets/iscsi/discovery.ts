import { REJECT, type TextPair } from "../../protocol/iscsi/index.ts";
import type { Negotiation } from "./negotiation.ts";

/** What a text exchange knows of the server and its own session. */
export interface TextContext {
  readonly negotiation: Negotiation;
  /** The name of the session's target; undefined in a discovery session. */
  readonly targetName: string | undefined;
  /** The names of all targets that the initiator may see. */
  targetNames(): Iterable<string>;
  /** `address:port,portal group tag` of this portal. */
  readonly targetAddress: string;
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
  const wanted = value === "" ? targetName : value.toLowerCase();
  const records: TextPair[] = [];
  for (const name of context.targetNames()) {
    if (value !== "All" && name !== wanted) continue;
    records.push(["TargetName", name], ["TargetAddress", context.targetAddress]);
  }
  return records;
}
