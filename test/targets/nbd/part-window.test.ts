import { describe, expect, test } from "vitest";
import { CommandFlag as Flag, CommandType as Cmd } from "../../../src/protocol/nbd/index.ts";
import { type Mode, pattern, settled } from "./support/client.ts";
import { read, rig } from "./support/rig.ts";

const MIB = 1_048_576;
const MODES: readonly Mode[] = ["simple", "structured", "extended"];

describe.each([1, 2, 5, 64])("with a queue depth of %i", (depth) => {
  async function narrow(mode: Mode) {
    const made = await rig(mode, {}, 16);
    made.disk.queueDepth.max = depth;
    made.disk.medium.set(pattern(MIB));
    made.disk.mapped.fill(1);
    return made;
  }

  test.each(MODES)("a request of 128 commands is held, not failed; %s replies", async (mode) => {
    const { client, server, disk } = await narrow(mode);
    expect(Buffer.compare(read(client, 0, MIB), pattern(MIB))).toBe(0);
    const data = pattern(MIB, 7);
    expect(client.errorOf({ type: Cmd.write, offset: MIB, data })).toBe(0);
    expect(Buffer.compare(disk.medium.subarray(MIB, 2 * MIB), data)).toBe(0);
    if (mode !== "simple") {
      expect(Buffer.compare(read(client, MIB, MIB, Flag.df), data)).toBe(0);
    }
    expect(server.codes).not.toContain("NBD_RETRIED");
    expect(disk.bufferCount).toBe(0);
  });

  test("200 requests of any kind at once, by a client that reads late", async () => {
    const { client, server } = await narrow("simple");
    client.transport.holdWrites = true;
    const requests = Array.from({ length: 200 }, (_, i) => {
      const offset = 4096 * i;
      if (i % 4 === 0) return client.request({ type: Cmd.write, offset, data: pattern(24_576) });
      if (i % 7 === 0) return client.request({ type: Cmd.flush });
      return client.request({ type: Cmd.read, offset, length: 24_576 });
    });
    client.send(...requests);
    for (let i = 0; i < requests.length; i++) client.transport.land();
    const replies = client.replies();
    expect(replies).toHaveLength(200);
    expect(new Set(replies.map(({ cookie }) => cookie)).size).toBe(200);
    expect(replies.filter(({ error }) => error !== 0)).toEqual([]);
    expect(server.codes).not.toContain("NBD_RETRIED");
  });

  test("a client that goes while commands wait costs nothing", async () => {
    const { client, server, disk } = await narrow("structured");
    disk.holdExecution = true;
    client.send(client.request({ type: Cmd.read, length: MIB }));
    expect(disk.waitingForExecution).toHaveLength(depth);
    client.transport.destroy();
    await settled();
    disk.execute();
    expect(disk.bufferCount).toBe(0);
    expect(server.server.connectionCount).toBe(0);
  });
});
