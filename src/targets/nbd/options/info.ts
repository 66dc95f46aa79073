import {
  EXPORT_NAME_PADDING_LENGTH,
  ExportNameReply,
  InfoBlockSize,
  InfoExport,
  InfoReply,
  InfoType,
  OptionReplyType,
  readInfoRequest,
  readString,
  TransmissionFlag,
} from "../../../protocol/nbd/index.ts";
import { findExport } from "../exports.ts";
import type { Handshake, OpenExport } from "../handshake.ts";
import { ReplyMode } from "../transmission/replies.ts";

const encoder = new TextEncoder();

/** NBD_OPT_INFO and NBD_OPT_GO. */
export async function info(handshake: Handshake, data: Uint8Array, go: boolean): Promise<void> {
  const { name, requests } = readInfoRequest(data);
  const open = await openExport(handshake, name);
  if (open === undefined) {
    handshake.reply(OptionReplyType.errUnknown, `there is no export "${name}"`);
    return;
  }
  const { properties } = open;
  handshake.reply(
    OptionReplyType.info,
    InfoExport.encode({
      infoType: InfoType.export,
      exportSize: properties.size,
      transmissionFlags: transmissionFlagsOf(open, handshake.mode),
    }),
  );
  if (requests.has(InfoType.name)) replyText(handshake, InfoType.name, open.export.name);
  if (requests.has(InfoType.description) && properties.description !== "") {
    replyText(handshake, InfoType.description, properties.description);
  }
  if (requests.has(InfoType.blockSize)) {
    handshake.reply(
      OptionReplyType.info,
      InfoBlockSize.encode({
        infoType: InfoType.blockSize,
        minimumBlockSize: properties.blockSize,
        preferredBlockSize: properties.preferredBlockSize,
        maximumPayloadSize: handshake.host.limits.payloadLengthMax,
      }),
    );
  }
  handshake.reply(OptionReplyType.ack);
  if (go) handshake.transmit(open);
}

/** NBD_OPT_EXPORT_NAME: for clients that know no better. */
export async function chooseByName(handshake: Handshake, data: Uint8Array): Promise<void> {
  const name = readString(data);
  if (handshake.mode === ReplyMode.extended) {
    handshake.fail("NBD_OPT_EXPORT_NAME does not go with extended headers");
    return;
  }
  const open = await openExport(handshake, name);
  if (open === undefined) {
    handshake.fail(`there is no export "${name}"`);
    return;
  }
  const padding = handshake.noZeroes ? 0 : EXPORT_NAME_PADDING_LENGTH;
  handshake.send(
    ExportNameReply.encode(
      {
        exportSize: open.properties.size,
        transmissionFlags: transmissionFlagsOf(open, handshake.mode),
      },
      ExportNameReply.size + padding,
    ),
  );
  handshake.transmit(open);
}

async function openExport(handshake: Handshake, name: string): Promise<OpenExport | undefined> {
  const { host } = handshake;
  const found = findExport(host.target, host.initiatorName, name);
  return found === undefined ? undefined : await host.open(found);
}

function replyText(handshake: Handshake, infoType: InfoType, text: string): void {
  const bytes = encoder.encode(text);
  const reply = InfoReply.encode({ infoType }, InfoReply.size + bytes.length);
  reply.set(bytes, InfoReply.size);
  handshake.reply(OptionReplyType.info, reply);
}

/** What the export can do, for a client that negotiated so much. */
function transmissionFlagsOf(open: OpenExport, mode: ReplyMode): number {
  const { properties } = open;
  const flag = TransmissionFlag;
  // All connections write to one device, whose cache they share.
  let flags = flag.hasFlags | flag.sendFlush | flag.sendFua | flag.canMultiConn;
  if (properties.rotational) flags |= flag.rotational;
  if (mode !== ReplyMode.simple) flags |= flag.sendDf;
  if (properties.prefetches) flags |= flag.sendCache;
  if (isReadOnly(open)) return flags | flag.readOnly;
  if (properties.unmapLengthMax > 0) flags |= flag.sendTrim;
  return flags | flag.sendWriteZeroes | flag.sendFastZero;
}

/** The LUN is, or the medium. */
export function isReadOnly({ export: { readOnly }, properties }: OpenExport): boolean {
  return readOnly || properties.writeProtected;
}
