/**
 * The bytes of an input are the options that a client sends, each behind its magic number: the
 * option, the length of its data, the data. The first byte is the client's flags and how the bytes
 * arrive. What comes behind NBD_OPT_GO is requests, as they are.
 */
import { BASE_ALLOCATION, InfoType, OptionType } from "../../src/protocol/nbd/index.ts";
import { infoRequest, metaQuery, settled, TestNbdServer } from "../targets/nbd/support/client.ts";
import { Input } from "./support/input.ts";
import { expectNothingLeft } from "./support/nbd-server.ts";

const CLIENT_FLAGS = 0x0f;
const PIECE_LENGTHS = [100_000, 1, 16, 20];
const PIECE_SHIFT = 4;
/** An option byte of this is no option: what follows is sent as it is. */
const RAW = 0xff;
/** From here on the byte is the highest of the option's four. */
const UNKNOWN = 0x80;

const server = new TestNbdServer();

export async function fuzz(bytes: Uint8Array): Promise<void> {
  const input = new Input(bytes);
  const how = input.byte();
  const client = server.connect();
  client.chunkLength = PIECE_LENGTHS[(how >> PIECE_SHIFT) & 3] as number;
  client.greet(how & CLIENT_FLAGS);
  await settled();
  while (input.left > 0 && !client.transport.closed) {
    const option = input.byte();
    const data = input.take(input.byte());
    const number = option < UNKNOWN ? option : option * 2 ** 24;
    client.send(option === RAW ? data : client.option(number, data));
    await settled();
    client.transport.take();
  }
  client.transport.destroy();
  await expectNothingLeft(server);
}

/** A client that looks at everything, and one that goes straight to the disk. */
export function seeds(): Uint8Array[] {
  const info = infoRequest("disk", [InfoType.export, InfoType.blockSize]);
  const query = metaQuery("disk", [BASE_ALLOCATION]);
  const curious: [number, Uint8Array][] = [
    [OptionType.list, new Uint8Array(0)],
    [OptionType.structuredReply, new Uint8Array(0)],
    [OptionType.info, info],
    [OptionType.listMetaContext, query],
    [OptionType.setMetaContext, query],
    [OptionType.go, info],
    [RAW, new Uint8Array(28)],
  ];
  const straight: [number, Uint8Array][] = [
    [OptionType.extendedHeaders, new Uint8Array(0)],
    [OptionType.startTls, new Uint8Array(0)],
    [OptionType.exportName, new TextEncoder().encode("disk")],
  ];
  return [curious, straight].map((options) =>
    Buffer.concat([
      new Uint8Array([3]),
      ...options.flatMap(([option, data]) => [new Uint8Array([option, data.length]), data]),
    ]),
  );
}
