import {
  BASE_ALLOCATION,
  MetaContextReply,
  OptionReplyType,
  readMetaContextRequest,
} from "../../../protocol/nbd/index.ts";
import { findExport, type NbdExport } from "../exports.ts";
import type { Handshake } from "../handshake.ts";
import { BASE_ALLOCATION_CONTEXT_ID, ReplyMode } from "../transmission/replies.ts";

/** proto.md, "The base: metadata namespace": asks for all of its contexts. */
const BASE_WILDCARD = "base:";

/** NBD_OPT_LIST_META_CONTEXT: without queries, all that there is. */
export function listMetaContext(handshake: Handshake, data: Uint8Array): void {
  const request = read(handshake, data);
  if (request === undefined) return;
  const { queries } = request;
  const wanted = (query: string) => query === BASE_WILDCARD || query === BASE_ALLOCATION;
  if (queries.length === 0 || queries.some(wanted)) replyContext(handshake, 0);
  handshake.reply(OptionReplyType.ack);
}

/** NBD_OPT_SET_META_CONTEXT: takes the place of every selection before, also when it fails. */
export function setMetaContext(handshake: Handshake, data: Uint8Array): void {
  handshake.contextOf = undefined;
  const request = read(handshake, data);
  if (request === undefined) return;
  if (request.queries.includes(BASE_ALLOCATION)) {
    handshake.contextOf = request.found;
    replyContext(handshake, BASE_ALLOCATION_CONTEXT_ID);
  }
  handshake.reply(OptionReplyType.ack);
}

function read(
  handshake: Handshake,
  data: Uint8Array,
): { found: NbdExport; queries: readonly string[] } | undefined {
  if (handshake.mode === ReplyMode.simple) {
    handshake.reply(OptionReplyType.errInvalid, "structured replies were not negotiated");
    return undefined;
  }
  const { target, initiatorName, limits } = handshake.host;
  const { name, queries } = readMetaContextRequest(data, limits);
  const found = findExport(target, initiatorName, name);
  if (found === undefined) {
    handshake.reply(OptionReplyType.errUnknown, `there is no export "${name}"`);
    return undefined;
  }
  return { found, queries };
}

function replyContext(handshake: Handshake, contextId: number): void {
  const name = new TextEncoder().encode(BASE_ALLOCATION);
  const reply = MetaContextReply.encode({ contextId }, MetaContextReply.size + name.length);
  reply.set(name, MetaContextReply.size);
  handshake.reply(OptionReplyType.metaContext, reply);
}
