import { expect } from "vitest";
import { CommandType as Cmd, ReplyType } from "../../../../src/protocol/nbd/index.ts";
import { type Mode, type TestNbdClient, TestNbdServer } from "./client.ts";

/** A server, and a client that has opened its disk. */
export async function rig(mode: Mode = "structured", limits = {}, transferBlocksMax = 0) {
  const server = new TestNbdServer(limits);
  server.disk.transferBlocksMax = transferBlocksMax;
  const client = await server.connect().open(mode);
  server.disk.carriedOut.length = 0;
  return { server, client, disk: server.disk };
}

/** What a READ has brought, put together from its chunks; holes are zeros. */
export function read(client: TestNbdClient, offset: number, length: number, flags = 0): Uint8Array {
  const whole = new Uint8Array(length);
  for (const { type, data, error } of client.one({ type: Cmd.read, offset, length, flags })) {
    expect(error).toBe(0);
    const at = Number(type === -1 ? offset : Buffer.from(data).readBigUInt64BE(0)) - offset;
    if (type === ReplyType.offsetData) whole.set(data.subarray(8), at);
    else if (type === -1) whole.set(data);
  }
  return whole;
}
