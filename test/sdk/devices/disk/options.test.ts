import { describe, expect, test } from "vitest";

import {
  BlockDeviceCharacteristicsVpdPage,
  BlockLimitsVpdPage,
  ReadCapacity16Data,
} from "../../../../src/protocol/scsi/index.ts";
import { disk, type DiskOptions } from "../../../../src/sdk/devices/disk/disk.ts";
import type { BlockStore } from "../../../../src/sdk/storage/block-store.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import { nullStore } from "../../../../src/sdk/storage/null-store.ts";
import { execute } from "../fake-command.ts";

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("options that are refused", () => {
  type Row = [options: DiskOptions, code: string, message: RegExp];
  const ROWS: Row[] = [
    [{ blockSize: 1000 }, "DISK_BLOCK_SIZE", /^blockSize 1000: .* power of two from 512 to 65536/],
    [{ blockSize: 131_072 }, "DISK_BLOCK_SIZE", /^blockSize 131072/],
    [{ physicalBlockSize: 3000 }, "DISK_BLOCK_SIZE", /^physicalBlockSize 3000/],
    [{ blockSize: 4096, physicalBlockSize: 512 }, "DISK_BLOCK_SIZE", /at least blockSize, 4096/],
    [{ rotationRate: 2 }, "DISK_ROTATION_RATE", /^rotationRate 2/],
    [{ limits: { transferBytes: 1000 } }, "DISK_LIMIT", /^limits.transferBytes 1000: .* of 512/],
    [{ limits: { transferBytes: 2 ** 40 } }, "DISK_LIMIT", /from 512 to 67108864/],
    [{ limits: { unmapDescriptors: 0 } }, "DISK_LIMIT", /^limits.unmapDescriptors 0/],
    [
      { limits: { transferBytes: 4096, optimalTransferBytes: 8192 } },
      "DISK_LIMIT",
      /^limits.optimalTransferBytes 8192: it must be at most transferBytes, 4096/,
    ],
    [{ serial: "" }, "DEVICE_IDENTITY", /^serial ""/],
    [{ vendor: "NINE CHAR" }, "DEVICE_IDENTITY", /^vendor "NINE CHAR": .* 1 to 8/],
    [{ t10DeviceId: "é" }, "DEVICE_IDENTITY", /^t10DeviceId/],
    [{ naa: "123" }, "DEVICE_IDENTITY", /^naa "123": it must have 16 or 32 hexadecimal digits/],
    [{ naa: "6000000000000001" }, "DEVICE_IDENTITY", /^naa 6000000000000001: 16 digits/],
    [{ naa: "30000000000000010000000000000001" }, "DEVICE_IDENTITY", /32 digits with 6/],
    [{ eui64: "0x12" }, "DEVICE_IDENTITY", /^eui64 "0x12": it must have 16 or 24 or 32/],
  ];
  test.each<Row>(ROWS)("%o", (options, code, message) => {
    const refusal = expect.objectContaining({ code, message: expect.stringMatching(message) });
    expect(() => disk(memoryStore(1 << 20), options)).toThrow(refusal);
  });

  test("a thin disk over a store that cannot trim, unless it is read-only", () => {
    const { trim: _, ...store } = nullStore(1 << 20);
    expect(() => disk(store, { thinProvisioned: true })).toThrow(
      expect.objectContaining({ code: "DISK_THIN" }),
    );
    expect(disk(store, { thinProvisioned: true, readOnly: true }).blockSize).toBe(512);
  });

  test("a store of less than a block", () => {
    expect(() => disk(memoryStore(4095), { blockSize: 4096 })).toThrow(
      expect.objectContaining({ code: "DISK_SIZE" }),
    );
  });
});

describe("identity", () => {
  test.each([
    ["naa", { naa: "0x5000c500A1B2C3D4" }, "010300085000c500a1b2c3d4"],
    ["a long naa", { naa: `6${"0".repeat(30)}1` }, `010300106${"0".repeat(30)}1`],
    ["eui64", { eui64: "0011223344556677" }, "010200080011223344556677"],
    ["eui64 of 12 bytes", { eui64: "00".repeat(11) + "01" }, "0102000c" + "00".repeat(11) + "01"],
    [
      "t10DeviceId",
      { vendor: "ACME", t10DeviceId: "abc" },
      "0201000b" + text(Buffer.from("ACME    abc")),
    ],
  ])("%s is in VPD page 83h", async (_name, options, designator) => {
    const { data } = await execute(disk(memoryStore(1 << 20), options), "12 01 83 00 ff 00");
    expect(text(data)).toContain(designator);
    expect(data.length).toBe(4 + Buffer.from(data).readUInt16BE(2));
  });

  test("iSCSI target ports are in VPD page 88h", async () => {
    const handler = disk(memoryStore(1 << 20));
    const session = {
      handle: 1n,
      lun: 0,
      readOnly: false,
      initiatorName: "i",
      targetName: "iqn.t",
      transportVersion: 0x0960,
    };
    for (const handle of [1n, 2n]) handler.attachSession({ ...session, handle });
    handler.attachSession({ ...session, transportVersion: 0, targetName: "local" });
    const { data } = await execute(handler, "12 01 88 00 ff 00");
    const name = Buffer.from("iqn.t,t,0x0001\0\0");
    expect(text(data)).toBe(`0088002000000001${"00".repeat(4)}0000001453980010${text(name)}`);
  });
});

describe("the medium as hosts see it", () => {
  const characteristics = async (handler: ReturnType<typeof disk>) => {
    const { data } = await execute(handler, "12 01 b1 00 ff 00");
    return BlockDeviceCharacteristicsVpdPage.view(data);
  };
  const storeWith = (parts: Partial<BlockStore>) => Object.assign(nullStore(1 << 20), parts);

  test.each([
    ["unless something is known", {}, {}, 1, 3],
    ["what the store says", { rotational: true, physicalBlockSize: 512 }, {}, 7200, 0],
    ["what the store says, not rotating", { rotational: false }, {}, 1, 3],
    [
      "what the options say",
      { rotational: true, physicalBlockSize: 512 },
      { rotationRate: 15_000, physicalBlockSize: 65_536 },
      15_000,
      7,
    ],
    [
      "a physical block is no smaller than a logical one",
      { physicalBlockSize: 512 },
      { blockSize: 4096 },
      1,
      0,
    ],
  ])("%s", async (_name, parts, options, mediumRotationRate, exponent) => {
    const handler = disk(storeWith(parts), options);
    expect(await characteristics(handler)).toMatchObject({ mediumRotationRate });
    const { data } = await execute(handler, "9e 10 0000000000000000 00000020 00 00");
    const capacity = ReadCapacity16Data.view(data);
    expect(capacity.logicalBlocksPerPhysicalBlockExponent).toBe(exponent);
  });

  test("BLOCK ERASE is told by WABEREQ", async () => {
    const thin = disk(memoryStore(1 << 20), { thinProvisioned: true });
    expect((await characteristics(thin)).wabereq).toBe(1);
    expect((await characteristics(disk(memoryStore(1 << 20)))).wabereq).toBe(0);
  });

  test("limits are told, and kept to", async () => {
    const limits = { transferBytes: 1 << 20, optimalTransferBytes: 65_536, writeSameBytes: 4096 };
    const handler = disk(memoryStore(8 << 20), { limits });
    const { data } = await execute(handler, "12 01 b0 00 ff 00");
    expect(BlockLimitsVpdPage.view(data)).toMatchObject({
      maximumTransferLength: 2048,
      optimalTransferLength: 128,
      maximumWriteSameLength: 8,
      maximumAtomicTransferLength: 2048,
    });
    const refused = { status: "CHECK CONDITION", sense: "5/24/00" };
    expect(await execute(handler, "28 00 00000000 00 0801 00")).toMatchObject(refused);
    const block = { dataOut: new Uint8Array(512) };
    expect(await execute(handler, "41 00 00000000 00 0009 00", block)).toMatchObject(refused);
  });
});
