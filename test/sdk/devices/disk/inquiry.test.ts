import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

import {
  BlockLimitsVpdPage,
  CommandDescriptor,
  ReadCapacity16Data,
  StandardInquiry,
} from "../../../../src/protocol/scsi/index.ts";
import { disk, type DiskOptions } from "../../../../src/sdk/devices/disk/disk.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import {
  execute,
  EXPECT_GOOD,
  EXPECT_INVALID_FIELD_IN_CDB,
  FakeCommand,
  hex,
  inCdb,
} from "../fake-command.ts";

const newDisk = (options: DiskOptions = {}, size = 4 * 1024 * 1024) =>
  disk(memoryStore(size), { name: "disk1", ...options });

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const same = (hexText: string) => text(hex(hexText));

describe("INQUIRY", () => {
  test("standard data", async () => {
    const { data } = await execute(newDisk(), "12 00 00 00 ff 00");
    expect(data.length).toBe(96);
    expect(StandardInquiry.view(data)).toMatchObject({
      peripheralQualifier: 0,
      peripheralDeviceType: 0,
      rmb: false,
      version: 6,
      hisup: true,
      responseDataFormat: 2,
      additionalLength: 91,
      cmdque: true,
      t10VendorIdentification: "SCST_TS",
      productIdentification: "disk1",
      versionDescriptor2: 0x0960,
      versionDescriptor4: 0x04c0,
    });
  });

  test("the revision is the package's version", async () => {
    const path = new URL("../../../../package.json", import.meta.url);
    const { version } = JSON.parse(readFileSync(path, "utf8")) as { version: string };
    const { data } = await execute(newDisk(), "12 00 00 00 ff 00");
    const { productRevisionLevel } = StandardInquiry.view(data);
    expect(version.startsWith(`${productRevisionLevel}.`)).toBe(true);
  });

  test("the identity as it is given", async () => {
    const given = { vendor: "ACME", product: "DISK", revision: "2.0", removable: true };
    const { data } = await execute(newDisk(given), "12 00 00 00 24 00");
    expect(text(data)).toBe(
      `00800612 5b080002${Buffer.from("ACME    DISK            2.0 ").toString("hex")}`.replace(
        " ",
        "",
      ),
    );
  });

  test.each([
    ["a page without EVPD", "12 00 80 00 ff 00", inCdb(2)],
    ["an unknown page", "12 01 81 00 ff 00", inCdb(2)],
    ["B2h of a disk that is not thin", "12 01 b2 00 ff 00", inCdb(2)],
    ["CMDDT", "12 02 00 00 ff 00", inCdb(1, 1)],
  ])("%s", async (_name, cdb, pointer) => {
    const answer = await execute(newDisk(), cdb);
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
    expect(answer.details.fieldPointer).toEqual(pointer);
  });

  const SERIAL = "9b5fa0ba35a1b4b1";
  const serialHex = Buffer.from("S1").toString("hex");
  test.each([
    ["00h", "12 01 00 00 ff 00", "00 00 0009 00 80 83 86 87 88 8a b0 b1"],
    ["87h", "12 01 87 00 ff 00", "00 87 0004 3f ff 00 00"],
    ["88h, not reached by iSCSI yet", "12 01 88 00 ff 00", "00 88 0000"],
    ["8Ah", "12 01 8a 00 ff 00", `00 8a 000e 03 07 ${"00".repeat(12)}`],
    ["80h", "12 01 80 00 ff 00", `00 80 0002 ${serialHex}`],
    ["B1h", "12 01 b1 00 ff 00", `00 b1 003c 0001 00 00 02 ${"00".repeat(55)}`],
    ["cut to the allocation length", "12 01 00 00 05 00", "00 00 0009 00"],
  ])("VPD page %s", async (_name, cdb, data) => {
    const answer = await execute(newDisk({ serial: "S1" }), cdb);
    expect(text(answer.data)).toBe(same(data));
  });

  test("VPD page 83h: the T10 vendor ID, and a locally assigned NAA", async () => {
    const { data } = await execute(newDisk({ serial: SERIAL }), "12 01 83 00 ff 00");
    const t10 = Buffer.from(`SCST_TS ${SERIAL}-disk1`);
    const length = t10.length.toString(16).padStart(2, "0");
    const head = same(`00 83 00${(t10.length + 16).toString(16)} 02 01 00 ${length}`);
    expect(text(data)).toMatch(new RegExp(`^${head}${t10.toString("hex")}010300083[0-9a-f]{15}$`));
  });

  test("serial numbers come from the name, and the NAA from the serial number", async () => {
    const identity = async (options: DiskOptions) => {
      const serial = await execute(newDisk(options), "12 01 80 00 ff 00");
      const { data } = await execute(newDisk(options), "12 01 83 00 ff 00");
      return [text(serial.data), text(data.subarray(-8))];
    };
    const first = await identity({ name: "disk1" });
    expect(await identity({ name: "disk1" })).toEqual(first);
    const second = await identity({ name: "disk2" });
    expect(second[0]).not.toBe(first[0]);
    expect(second[1]).not.toBe(first[1]);
    expect((await identity({ name: "disk2", serial: "S" }))[1]).toBe(
      (await identity({ name: "disk3", serial: "S" }))[1],
    );
  });

  test.each([
    [512, 8, 0x4000, 0x400, 0x80000],
    [4096, 1, 0x800, 0x80, 0x10000],
  ])(
    "VPD page B0h counts blocks of %d",
    async (
      blockSize,
      optimalTransferLengthGranularity,
      maximumTransferLength,
      optimalTransferLength,
      maximumWriteSameLength,
    ) => {
      const { data } = await execute(newDisk({ blockSize }), "12 01 b0 00 ff 00");
      expect(data.length).toBe(64);
      expect(BlockLimitsVpdPage.view(data)).toMatchObject({
        wsnz: true,
        maximumCompareAndWriteLength: 255,
        optimalTransferLengthGranularity,
        maximumTransferLength,
        optimalTransferLength,
        maximumWriteSameLength,
        maximumUnmapLbaCount: 0,
      });
    },
  );
});

describe("READ CAPACITY", () => {
  test.each([
    ["(10)", {}, 4 << 20, "25 00 00000000 0000 00 00", "00001fff 00000200"],
    ["(10), 4096", { blockSize: 4096 }, 4 << 20, "25 00 00000000 0000 00 00", "000003ff 00001000"],
    ["(10), 2 TiB", {}, 2 ** 41, "25 00 00000000 0000 00 00", "ffffffff 00000200"],
    ["(10), a size of no whole blocks", {}, 1500, "25 00 00000000 0000 00 00", "00000001 00000200"],
    ["(10), PMI", {}, 4 << 20, "25 00 00000000 0000 01 00", "00001fff 00000200"],
    [
      "(16)",
      {},
      2 ** 42,
      "9e 10 0000000000000000 00000020 00 00",
      `00000001ffffffff 00000200 00 03 ${"00".repeat(18)}`,
    ],
    [
      "(16), cut",
      {},
      4 << 20,
      "9e 10 0000000000000000 0000000c 00 00",
      "0000000000001fff 00000200",
    ],
  ])("%s", async (_name, options, size, cdb, data) => {
    const answer = await execute(newDisk(options, size), cdb);
    expect(answer).toMatchObject(EXPECT_GOOD);
    expect(text(answer.data)).toBe(same(data));
  });

  test("a store that grows", async () => {
    const store = memoryStore(1 << 20);
    let { size } = store;
    const growing = Object.create(store, { size: { get: () => size } }) as typeof store;
    const handler = disk(growing);
    size *= 2;
    const { data } = await execute(handler, "9e 10 0000000000000000 00000020 00 00");
    expect(ReadCapacity16Data.view(data).returnedLogicalBlockAddress).toBe((2 << 20) / 512 - 1);
  });

  test("the physical block size", async () => {
    const handler = newDisk({ physicalBlockSize: 512 });
    const { data } = await execute(handler, "9e 10 0000000000000000 00000020 00 00");
    expect(ReadCapacity16Data.view(data).logicalBlocksPerPhysicalBlockExponent).toBe(0);
  });
});

describe("commands that do little", () => {
  test.each([
    ["TEST UNIT READY", "00 00 00 00 00 00", ""],
    ["PREVENT ALLOW MEDIUM REMOVAL", "1e 00 00 00 01 00", ""],
    ["RESERVE(6)", "16 00 00 00 00 00", ""],
    ["RELEASE(10)", "57 00 00 00 00 00 00 00 00 00", ""],
    ["REQUEST SENSE", "03 00 00 00 ff 00", `70 00 00 00000000 0a ${"00".repeat(10)}`],
    ["REQUEST SENSE, DESC", "03 01 00 00 ff 00", "72 00 00 00 00000000"],
    ["REQUEST SENSE, cut", "03 00 00 00 04 00", "70 00 00 00"],
  ])("%s", async (_name, cdb, data) => {
    const answer = await execute(newDisk(), cdb);
    expect(answer).toMatchObject({ ...EXPECT_GOOD, atOnce: true });
    expect(text(answer.data)).toBe(same(data));
  });
});

/** The core's own: the disk never sees it. */
/** REPORT LUNS, COMPARE AND WRITE, PERSISTENT RESERVE, EXTENDED COPY never get to the disk. */
const BY_THE_CORE = [0xa0, 0x89, 0x5e, 0x5f, 0x83, 0x84];
/** The service action of REPORT SUPPORTED OPERATION CODES. */
const RSOC = 0x0c;

const one = (options: number, opcode: string, action = "0000") =>
  `a3 0c ${options.toString(16).padStart(2, "0")} ${opcode} ${action} 00000400 00 00`;

describe("REPORT SUPPORTED OPERATION CODES", () => {
  test.each([
    ["READ(6)", one(1, "08"), "00 03 0006 08 1f ff ff ff 00"],
    ["READ(10)", one(1, "28"), "00 03 000a 28 18 ffffffff 00 ffff 00"],
    ["VERIFY(16)", one(1, "8f"), "00 03 0010 8f 16 ffffffffffffffff ffffffff 00 00"],
    ["WRITE SAME(16)", one(1, "93"), "00 03 0010 93 01 ffffffffffffffff ffffffff 00 00"],
    ["READ CAPACITY(16)", one(2, "9e", "0010"), `00 03 0010 9e 10 ${"ff".repeat(12)} 01 00`],
    ["an action that is not there", one(2, "9e", "0011"), "00 01 0000"],
    ["an opcode that is not there", one(1, "42"), "00 01 0000"],
    ["option 3, READ(6)", one(3, "08"), "00 03 0006 08 1f ff ff ff 00"],
    ["option 3, an action of READ(6)", one(3, "08", "0001"), "00 01 0000"],
    ["option 3, REPORT LUNS", one(3, "a0"), "00 03 000c a0 00 ff 000000 ffffffff 00 00"],
    ["RCTD", one(0x81, "00"), "00 83 0006 00 00 00 00 00 00 000a 00 00 00000000 0000000a"],
  ])("%s", async (_name, cdb, data) => {
    const answer = await execute(newDisk(), cdb);
    expect(answer).toMatchObject(EXPECT_GOOD);
    expect(text(answer.data)).toBe(same(data));
  });

  test.each([
    ["an opcode with service actions by the opcode alone", one(1, "9e")],
    ["an opcode without, by a service action", one(2, "28")],
    ["option 4", one(4, "28")],
  ])("%s", async (_name, cdb) => {
    const answer = await execute(newDisk(), cdb);
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
    expect(answer.details.fieldPointer).toEqual(inCdb(2, 2));
  });

  test("what is listed is there, and what is not listed is refused", async () => {
    const handler = newDisk();
    const { data } = await execute(handler, "a3 0c 00 00 0000 0000ffff 00 00");
    const listed = new Map<number, number[]>();
    for (let at = 4; at < data.length; at += CommandDescriptor.size) {
      const { operationCode, serviceAction, servactv } = CommandDescriptor.view(data, at);
      const actions = listed.get(operationCode) ?? [];
      listed.set(operationCode, servactv ? [...actions, serviceAction] : actions);
    }
    expect((data.length - 4) % CommandDescriptor.size).toBe(0);
    expect(data.length - 4).toBe(Buffer.from(data).readUInt32BE(0));
    for (let opcode = 0; opcode < 256; opcode++) {
      const actions = listed.get(opcode);
      const cdb = new Uint8Array(16);
      cdb[0] = opcode;
      // Of MAINTENANCE IN the disk has one service action, the core the others.
      cdb[1] = actions?.includes(RSOC) ? RSOC : (actions?.[0] ?? 0);
      const command = new FakeCommand(cdb, 512);
      const { sense } = await handler.exec(command);
      const refused = sense?.asc === 0x20 && !BY_THE_CORE.includes(opcode);
      expect([opcode.toString(16), refused]).toEqual([opcode.toString(16), actions === undefined]);
    }
  });

  test("with timeouts every descriptor is followed by one", async () => {
    const plain = await execute(newDisk(), "a3 0c 00 00 0000 0000ffff 00 00");
    const timed = await execute(newDisk(), "a3 0c 80 00 0000 0000ffff 00 00");
    const count = (plain.data.length - 4) / 8;
    expect(timed.data.length).toBe(4 + count * 20);
    expect((timed.data[4 + 5] as number) & 0x02).toBe(2);
  });
});
