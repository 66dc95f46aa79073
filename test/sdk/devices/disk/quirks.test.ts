/** What SCST's fileio_tgt in C gets wrong, as far as it is the disk's: each is right here. */
import { describe, expect, test } from "vitest";

import { SystemError } from "../../../../src/protocol/errors.ts";
import { BlockLimitsVpdPage } from "../../../../src/protocol/scsi/index.ts";
import { disk, type DiskOptions } from "../../../../src/sdk/devices/disk/disk.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import { execute, EXPECT_GOOD, EXPECT_MISCOMPARE, hex } from "../fake-command.ts";
import { logStore } from "../log-store.ts";

function newDisk(options: DiskOptions = {}) {
  const store = logStore(memoryStore(4 << 20));
  return { store, handler: disk(store, options) };
}

const block = (byte: number) => new Uint8Array(512).fill(byte);

describe("fileio_tgt's quirks", () => {
  test("nv_cache does not clear WCE", async () => {
    const { handler } = newDisk({ nonVolatileCache: true });
    const { data } = await execute(handler, "1a 08 08 00 ff 00");
    expect((data[6] as number) & 0x04).toBe(0);
  });

  test("WRITE SAME of one block does nothing, and is GOOD", async () => {
    const { store, handler } = newDisk();
    const answer = await execute(handler, "41 00 00000005 00 0001 00", { dataOut: block(3) });
    expect(answer).toMatchObject(EXPECT_GOOD);
    expect(store.calls).toEqual(["write 2560+512"]);
    expect((await execute(handler, "28 00 00000005 00 0001 00")).data).toEqual(block(3));
  });

  test("WRITE SAMEs that run at once share what they write", async () => {
    const { store, handler } = newDisk();
    store.later = true;
    const cdb = (lba: string) => `93 00 00000000000000${lba} 00000003 00 00`;
    await Promise.all([
      execute(handler, cdb("10"), { dataOut: block(1) }),
      execute(handler, cdb("20"), { dataOut: block(2) }),
    ]);
    const { data: first } = await execute(handler, "28 00 00000010 00 0003 00");
    const { data: second } = await execute(handler, "28 00 00000020 00 0003 00");
    expect(first.every((byte) => byte === 1)).toBe(true);
    expect(second.every((byte) => byte === 2)).toBe(true);
  });

  test.each([
    ["SYNCHRONIZE CACHE(10)", "35 00 00000000 00 0000 00"],
    ["SYNCHRONIZE CACHE(16)", "91 00 0000000000000000 00000000 00 00"],
    ["START STOP UNIT", "1b 00 00 00 00 00"],
    ["WRITE SAME(10), write through", "41 00 00000000 00 0001 00"],
  ])("%s ignores that a flush failed", async (name, cdb) => {
    const { store, handler } = newDisk({ writeThrough: name.endsWith("through") });
    store.fail = { flush: new SystemError("EIO", 5, "injected") };
    const answer = await execute(handler, cdb, { dataOut: block(1) });
    expect(answer).toMatchObject({ status: "CHECK CONDITION", sense: "3/0C/00" });
  });

  test("MODE SELECT reads the second page of a list from a wrong place", async () => {
    const { handler } = newDisk();
    const control = "0a 0a 22 10 00 00 0000 0000 0000";
    const cachingOff = "08 12 00 00 ffff 0000 ffff ffff 00 00 0000 00000000";
    const dataOut = hex(`00 00 00 00 ${control} ${cachingOff}`);
    expect(await execute(handler, "15 10 00 00 24 00", { dataOut })).toMatchObject(EXPECT_GOOD);
    const { data } = await execute(handler, "1a 08 08 00 ff 00");
    expect((data[6] as number) & 0x04).toBe(0);
  });

  test.each([
    ["(6)", "15 10 00 00 00 00"],
    ["(10)", "55 10 00 00 00 00 00 00 00 00"],
  ])("MODE SELECT%s with an empty list ends the program", async (_name, cdb) => {
    const { handler } = newDisk();
    expect(await execute(handler, cdb, { dataOut: hex("") })).toMatchObject(EXPECT_GOOD);
  });

  test.each([
    ["VERIFY(10)", "2f 02 00000000 00 0001 00"],
    ["VERIFY(16)", "8f 02 0000000000000000 00000001 00 00"],
  ])("%s ignores BYTCHK", async (_name, cdb) => {
    const { handler } = newDisk();
    expect(await execute(handler, cdb, { dataOut: block(1) })).toMatchObject(EXPECT_MISCOMPARE);
    expect(await execute(handler, cdb, { dataOut: block(0) })).toMatchObject(EXPECT_GOOD);
  });

  test("VPD page B0h has bytes where blocks are due", async () => {
    const { data } = await execute(newDisk().handler, "12 01 b0 00 ff 00");
    const { maximumTransferLength } = BlockLimitsVpdPage.view(data);
    expect(maximumTransferLength * 512).toBe(8 << 20);
  });
});
