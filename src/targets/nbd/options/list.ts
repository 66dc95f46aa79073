import { OptionReplyType, ServerReply } from "../../../protocol/nbd/index.ts";
import { exportsOf } from "../exports.ts";
import type { Handshake } from "../handshake.ts";

const encoder = new TextEncoder();

/** NBD_OPT_LIST: the exports that this client may have. */
export function list(handshake: Handshake, data: Uint8Array): void {
  if (data.length > 0) {
    handshake.reply(OptionReplyType.errInvalid, "NBD_OPT_LIST has no data");
    return;
  }
  const { target, initiatorName } = handshake.host;
  for (const { name } of exportsOf(target, initiatorName)) {
    const bytes = encoder.encode(name);
    const reply = ServerReply.encode({ nameLength: bytes.length }, ServerReply.size + bytes.length);
    reply.set(bytes, ServerReply.size);
    handshake.reply(OptionReplyType.server, reply);
  }
  handshake.reply(OptionReplyType.ack);
}
