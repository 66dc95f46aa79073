import { describe, expect, test } from "vitest";

import { SystemError } from "../../../../src/protocol/errors.ts";
import {
  BlockLimitsVpdPage,
  LogicalBlockProvisioningVpdPage,
  ReadCapacity16Data,
} from "../../../../src/protocol/scsi/index.ts";
import { disk, type DiskOptions } from "../../../../src/sdk/devices/disk/disk.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import {
  execute,
  EXPECT_GOOD,
  EXPECT_INVALID_FIELD_IN_CDB,
  EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
  EXPECT_INVALID_OPCODE,
  EXPECT_LBA_OUT_OF_RANGE,
  EXPECT_PARAMETER_LIST_LENGTH_ERROR,
  EXPECT_WRITE_PROTECTED,
  hex,
  inCdb,
  inParameterList,
} from "../fake-command.ts";

/** 4 MiB, all of it written with 7s. */
function thinDisk(options: DiskOptions = {}) {
  const store = memoryStore(4 << 20);
  store.write(new Uint8Array(4 << 20).fill(7), 0);
  return { store, handler: disk(store, { thinProvisioned: true, ...options }) };
}

/** Blocks of 512 bytes that are all zero, as runs: "0+8 16+1". */
function zeroBlocks(store: ReturnType<typeof memoryStore>, size = 512): string {
  const bytes = new Uint8Array(store.size);
  store.read(bytes, 0);
  const runs: { lba: number; blocks: number }[] = [];
  for (let lba = 0; lba < bytes.length / size; lba++) {
    if (!bytes.subarray(lba * size, (lba + 1) * size).every((byte) => byte === 0)) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.lba + last.blocks === lba) last.blocks++;
    else runs.push({ lba, blocks: 1 });
  }
  return runs.map(({ lba, blocks }) => `${lba}+${blocks}`).join(" ");
}

const descriptor = (lba: number, blocks: number) =>
  `${lba.toString(16).padStart(16, "0")} ${blocks.toString(16).padStart(8, "0")} 00000000`;

function unmapOf(...descriptors: string[]) {
  const length = descriptors.length * 16;
  const two = (value: number) => value.toString(16).padStart(4, "0");
  const dataOut = hex(`${two(length + 6)} ${two(length)} 00000000 ${descriptors.join(" ")}`);
  return { cdb: `42 00 00000000 00 ${two(dataOut.length)} 00`, dataOut };
}

type UnmapRow = [
  name: string,
  request: { cdb: string; dataOut: Uint8Array },
  expected: object,
  zeros: string,
  pointer?: object,
];

const UNMAPS: readonly UnmapRow[] = [
  ["one block", unmapOf(descriptor(8, 1)), EXPECT_GOOD, "8+1"],
  ["several runs", unmapOf(descriptor(0, 8), descriptor(100, 200)), EXPECT_GOOD, "0+8 100+200"],
  ["overlapping ones", unmapOf(descriptor(0, 8), descriptor(4, 8)), EXPECT_GOOD, "0+12"],
  ["the last block", unmapOf(descriptor(0x1fff, 1)), EXPECT_GOOD, "8191+1"],
  ["all", unmapOf(descriptor(0, 0x2000)), EXPECT_GOOD, "0+8192"],
  ["0 blocks", unmapOf(descriptor(5, 0)), EXPECT_GOOD, ""],
  ["0 blocks behind the end", unmapOf(descriptor(0x2000, 0)), EXPECT_GOOD, ""],
  ["no descriptors", unmapOf(), EXPECT_GOOD, ""],
  ["no list", { cdb: "42 00 00000000 00 0000 00", dataOut: hex("") }, EXPECT_GOOD, ""],
  ["beyond the end", unmapOf(descriptor(0x1fff, 2)), EXPECT_LBA_OUT_OF_RANGE, ""],
  [
    "the second beyond the end: nothing is unmapped",
    unmapOf(descriptor(0, 8), descriptor(0x2000, 1)),
    EXPECT_LBA_OUT_OF_RANGE,
    "",
  ],
  [
    "half a header",
    { cdb: "42 00 00000000 00 0004 00", dataOut: hex("00060000") },
    EXPECT_PARAMETER_LIST_LENGTH_ERROR,
    "",
  ],
  [
    "fewer descriptors than it says",
    { cdb: "42 00 00000000 00 0010 00", dataOut: hex("0016 0010 00000000 0000000000000000") },
    EXPECT_PARAMETER_LIST_LENGTH_ERROR,
    "",
  ],
  [
    "more descriptors than MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT",
    unmapOf(...Array.from({ length: 5 }, () => descriptor(0, 1))),
    EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    "",
    inParameterList(2),
  ],
];

describe("UNMAP", () => {
  test.each<UnmapRow>(UNMAPS)(
    "%s",
    async (...[_name, { cdb, dataOut }, expected, zeros, pointer]) => {
      const { store, handler } = thinDisk({ limits: { unmapDescriptors: 4 } });
      const answer = await execute(handler, cdb, { dataOut });
      expect(answer).toMatchObject(expected);
      expect(answer.details.fieldPointer).toEqual(pointer);
      expect(zeroBlocks(store)).toBe(zeros);
    },
  );

  test("more blocks than MAXIMUM UNMAP LBA COUNT, in all", async () => {
    const { store, handler } = thinDisk({ limits: { unmapBytes: 8 * 512 } });
    const { cdb, dataOut } = unmapOf(descriptor(0, 4), descriptor(16, 5));
    const answer = await execute(handler, cdb, { dataOut });
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_PARAMETER_LIST);
    expect(answer.details.fieldPointer).toEqual(inParameterList(8 + 16 + 8));
    expect(zeroBlocks(store)).toBe("");
  });

  test.each([
    ["ANCHOR", thinDisk().handler, "42 01 00000000 00 0008 00", EXPECT_INVALID_FIELD_IN_CDB],
    [
      "a read-only disk",
      thinDisk({ readOnly: true }).handler,
      "42 00 00000000 00 0008 00",
      EXPECT_WRITE_PROTECTED,
    ],
    [
      "a disk that is not thin",
      disk(memoryStore(4 << 20)),
      "42 00 00000000 00 0008 00",
      EXPECT_INVALID_OPCODE,
    ],
  ])("%s", async (_name, handler, cdb, expected) => {
    const dataOut = hex("0006 0000 00000000");
    expect(await execute(handler, cdb, { dataOut })).toMatchObject(expected);
  });

  test("a store that fails", async () => {
    const store = Object.assign(memoryStore(4 << 20), {
      trim: () => Promise.reject(new SystemError("EIO", 5, "injected")),
    });
    const { cdb, dataOut } = unmapOf(descriptor(8, 1));
    const answer = await execute(disk(store, { thinProvisioned: true }), cdb, { dataOut });
    expect(answer).toMatchObject({ status: "CHECK CONDITION", sense: "3/0C/00" });
    expect(answer.details.information).toBe(8);
  });
});

const ZERO_BLOCK = new Uint8Array(512);
const BLOCK = new Uint8Array(512).fill(9);

type WriteSameRow = [
  name: string,
  cdb: string,
  dataOut: Uint8Array,
  expected: object,
  zeros: string,
];

const WRITE_SAMES: readonly WriteSameRow[] = [
  ["(10), UNMAP", "41 08 00000008 00 0008 00", ZERO_BLOCK, EXPECT_GOOD, "8+8"],
  ["(16), UNMAP", "93 08 0000000000000008 00000008 00 00", ZERO_BLOCK, EXPECT_GOOD, "8+8"],
  [
    "(16), UNMAP and NDOB",
    "93 09 0000000000000008 00000008 00 00",
    new Uint8Array(0),
    EXPECT_GOOD,
    "8+8",
  ],
  ["(16), NDOB", "93 01 0000000000000008 00000008 00 00", new Uint8Array(0), EXPECT_GOOD, "8+8"],
  ["(16), zeros", "93 00 0000000000000008 00000008 00 00", ZERO_BLOCK, EXPECT_GOOD, "8+8"],
  ["(10), UNMAP with other data writes", "41 08 00000008 00 0008 00", BLOCK, EXPECT_GOOD, ""],
  ["(10), to the end", "41 08 00001ff0 00 0000 00", ZERO_BLOCK, EXPECT_GOOD, "8176+16"],
  ["(16), to the end", "93 08 0000000000001ff0 00000000 00 00", ZERO_BLOCK, EXPECT_GOOD, "8176+16"],
  ["(10), nothing at the end", "41 08 00002000 00 0000 00", ZERO_BLOCK, EXPECT_GOOD, ""],
  [
    "(10), to the end, from beyond it",
    "41 08 00002001 00 0000 00",
    ZERO_BLOCK,
    EXPECT_LBA_OUT_OF_RANGE,
    "",
  ],
  [
    "(10), to the end, longer than MAXIMUM WRITE SAME LENGTH",
    "41 08 00000000 00 0000 00",
    ZERO_BLOCK,
    EXPECT_INVALID_FIELD_IN_CDB,
    "",
  ],
  ["(10), ANCHOR", "41 18 00000008 00 0008 00", ZERO_BLOCK, EXPECT_INVALID_FIELD_IN_CDB, ""],
  ["(10), PBDATA", "41 04 00000008 00 0008 00", ZERO_BLOCK, EXPECT_INVALID_FIELD_IN_CDB, ""],
];

describe("WRITE SAME of a thin disk with WSNZ 0", () => {
  test.each<WriteSameRow>(WRITE_SAMES)("%s", async (...[_name, cdb, dataOut, expected, zeros]) => {
    const { store, handler } = thinDisk({
      writeSameZeroIsToEnd: true,
      limits: { writeSameBytes: 1 << 20 },
    });
    expect(await execute(handler, cdb, { dataOut })).toMatchObject(expected);
    expect(zeroBlocks(store)).toBe(zeros);
    if (dataOut === BLOCK) {
      const { data } = await execute(handler, "28 00 0000000f 00 0001 00");
      expect(data).toEqual(BLOCK);
    }
  });

  test("UNMAP of a disk that is not thin", async () => {
    const answer = await execute(disk(memoryStore(4 << 20)), "41 08 00000008 00 0008 00", {
      dataOut: ZERO_BLOCK,
    });
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
    expect(answer.details.fieldPointer).toEqual(inCdb(1, 3));
  });

  test("with WSNZ 1, zero blocks are refused", async () => {
    const answer = await execute(thinDisk().handler, "41 08 00000008 00 0000 00", {
      dataOut: ZERO_BLOCK,
    });
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
    expect(answer.details.fieldPointer).toEqual(inCdb(7));
  });
});

/** "LBA+blocks status, ...; completion condition". */
async function status(handler: ReturnType<typeof disk>, lba: number, allocationLength = 0x400) {
  const cdb = `9e 12 ${lba.toString(16).padStart(16, "0")} ${allocationLength
    .toString(16)
    .padStart(8, "0")} 00 00`;
  const { data } = await execute(handler, cdb);
  const view = new DataView(data.buffer, data.byteOffset);
  const runs: string[] = [];
  for (let at = 8; at < data.length; at += 16) {
    const run = `${view.getBigUint64(at)}+${view.getUint32(at + 8)}`;
    runs.push(`${run} ${["mapped", "free"][view.getUint8(at + 12)]}`);
  }
  expect(view.getUint32(0)).toBe(data.length - 4);
  return `${runs.join(", ")}; ${view.getUint8(7) >> 1}`;
}

describe("GET LBA STATUS(16)", () => {
  const PIECE = 128;
  test("a thin disk", async () => {
    const { handler, store } = thinDisk();
    store.trim(PIECE * 512, 2 * PIECE * 512);
    expect(await status(handler, 0)).toBe("0+128 mapped, 128+256 free, 384+7808 mapped; 3");
    expect(await status(handler, 130)).toBe("130+254 free, 384+7808 mapped; 3");
    expect(await status(handler, 0x1fff)).toBe("8191+1 mapped; 3");
    expect(await status(handler, 0, 8 + 16)).toBe("0+128 mapped; 1");
    expect(await status(handler, 0, 8 + 31)).toBe("0+128 mapped; 1");
  });

  test("a block of which a part has space is mapped", async () => {
    const store = memoryStore(4 << 20);
    const handler = disk(store, { thinProvisioned: true, blockSize: 65_536 });
    const partly = Object.assign(store, {
      allocated: () => [
        { offset: 0, length: 4096, allocated: true },
        { offset: 4096, length: 131_072, allocated: false },
        { offset: 135_168, length: (4 << 20) - 135_168, allocated: true },
      ],
    });
    expect(partly).toBe(store);
    expect(await status(handler, 0)).toBe("0+1 mapped, 1+1 free, 2+62 mapped; 3");
  });

  test("a disk that is not thin is mapped", async () => {
    expect(await status(disk(memoryStore(2 ** 50)), 1)).toBe("1+4294967295 mapped; 0");
  });

  test.each([
    ["beyond the end", "9e 12 0000000000002000 00000018 00 00", EXPECT_LBA_OUT_OF_RANGE],
    ["LBA 2^63", "9e 12 8000000000000000 00000018 00 00", EXPECT_LBA_OUT_OF_RANGE],
    ["LBA -1", "9e 12 ffffffffffffffff 00000018 00 00", EXPECT_LBA_OUT_OF_RANGE],
    ["a report type", "9e 12 0000000000000000 00000018 01 00", EXPECT_INVALID_FIELD_IN_CDB],
  ])("%s", async (_name, cdb, expected) => {
    expect(await execute(thinDisk().handler, cdb)).toMatchObject(expected);
  });
});

describe("what hosts are told of a thin disk", () => {
  test.each([true, false])("thin: %s", async (thinProvisioned) => {
    const { handler } = thinDisk({ thinProvisioned });
    const capacity = await execute(handler, "9e 10 0000000000000000 00000020 00 00");
    expect(ReadCapacity16Data.view(capacity.data)).toMatchObject({
      lbpme: thinProvisioned,
      lbprz: thinProvisioned,
    });
    const limits = await execute(handler, "12 01 b0 00 ff 00");
    expect(BlockLimitsVpdPage.view(limits.data)).toMatchObject({
      wsnz: true,
      maximumUnmapLbaCount: thinProvisioned ? 0x80000 : 0,
      maximumUnmapBlockDescriptorCount: thinProvisioned ? 256 : 0,
      optimalUnmapGranularity: thinProvisioned ? 8 : 0,
      ugavalid: thinProvisioned,
    });
  });

  test("VPD page B2h", async () => {
    const { data } = await execute(thinDisk().handler, "12 01 b2 00 ff 00");
    expect(data.length).toBe(8);
    expect(LogicalBlockProvisioningVpdPage.view(data)).toMatchObject({
      thresholdExponent: 11,
      lbpu: true,
      lbpws: true,
      lbpws10: true,
      lbprz: 1,
      ancSup: false,
      provisioningType: 2,
    });
  });

  test("the log page counts the space that is used, in units of the exponent", async () => {
    const { handler, store } = thinDisk();
    store.trim(0, 2 << 20);
    const { data } = await execute(handler, "4d 00 4c 00 00 0000 00ff 00");
    expect(Buffer.from(data).toString("hex")).toBe("0c00000c000203080000000201000000");
  });
});
