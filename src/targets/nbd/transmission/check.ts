import { CommandFlag, CommandType, NbdError } from "../../../protocol/nbd/index.ts";
import { COMMAND_RULES } from "./commands.ts";
import { ReplyMode } from "./replies.ts";
import type { Request } from "./request.ts";
import type { Transmission } from "./transmission.ts";

/** What is wrong with a request: proto.md, "Error values" and "Size constraints". */
export function checkRequest(phase: Transmission, request: Request): NbdError {
  const { type, flags, offset, length } = request;
  const rule = COMMAND_RULES[type];
  if (rule === undefined) return NbdError.einval;
  const withPayload = phase.mode === ReplyMode.extended && type === CommandType.write;
  const allowed = withPayload ? rule.flags | CommandFlag.payloadLen : rule.flags;
  if ((flags & ~allowed) !== 0) return NbdError.einval;
  if (withPayload && (flags & CommandFlag.payloadLen) === 0) return NbdError.einval;
  if (rule.writes && !phase.writable) return NbdError.eperm;
  if (!rule.available(phase)) return NbdError.einval;
  if (!rule.ranged) return offset === 0 && length === 0 ? NbdError.none : NbdError.einval;
  const { blockSize, size } = phase.properties;
  if (length === 0 || offset % blockSize !== 0 || length % blockSize !== 0) {
    return NbdError.einval;
  }
  if (offset > size - length) return rule.beyond;
  return checkPayload(phase, request);
}

function checkPayload({ limits }: Transmission, request: Request): NbdError {
  const { type, length, unfragmented } = request;
  const carries = type === CommandType.read || type === CommandType.write;
  if (!carries || length <= limits.payloadLengthMax) return NbdError.none;
  return unfragmented ? NbdError.eoverflow : NbdError.einval;
}
