import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test, vi } from "vitest";

import { SENSE } from "../../../../src/protocol/scsi/index.ts";
import type { Outcome } from "../../../../src/sdk/outcome.ts";
import { SystemError } from "../../../../src/protocol/errors.ts";
import * as brotli from "../../../../src/sdk/native/brotli.ts";
import {
  compressByZlib,
  decodeBlock,
  decompressByZlib,
  encodeBlock,
} from "../../../../src/sdk/devices/tape/block-codec.ts";
import { COMPRESSION } from "../../../../src/sdk/storage/cartridge/layout.ts";
import { LogFile } from "../../../../src/sdk/storage/cartridge/log-file.ts";
import { removeScratchFolders, rig } from "./rig.ts";

removeScratchFolders();
beforeEach(() => vi.restoreAllMocks());

const FILEMARK = "10 00 000001 00";
const REWIND = "01 00 000000 00";
const READ_POSITION = "34 00 00000000 00000000";
/** MODE SELECT(6) with BUFFERED MODE 0. */
const UNBUFFERED = { cdb: "15 10 0000 04 00", out: Buffer.from("00000000", "hex") };

/** So much of it is noise. */
function blockOf(length: number, number: number, noise = 0.3): Buffer {
  const block = Buffer.alloc(length, `block ${number} `);
  randomBytes(Math.floor(length * noise)).copy(block, 5);
  return block;
}

function withoutNative(): void {
  vi.spyOn(brotli, "loadBrotli").mockReturnValue(undefined);
}

describe("blocks that are compressed after they were answered", () => {
  const lengths = [100_000, 600, 262_144, 1, 2_000_000, 9000, 8 * 1024 * 1024, 70_000, 300];

  test.each([
    ["mostly text", 0.3],
    ["noise", 1],
    ["nothing but text", 0],
  ])("come in their order, whatever their lengths: %s", async (_, noise) => {
    const { write, read, do: run } = await rig({ compression: true }, { capacityBytes: 1e9 });
    const blocks = [...lengths, ...lengths].map((length, i) => blockOf(length, i, noise));
    for (const block of blocks) expect(await write(block)).toBe("GOOD");
    expect(await run(FILEMARK)).toBe("GOOD");
    expect(await run(REWIND)).toBe("GOOD");
    for (const block of blocks) {
      const { result, data } = await read(block.length);
      expect(result).toBe("GOOD");
      expect(data.equals(block)).toBe(true);
    }
    expect((await read(1)).result).toBe("0/00/01 FM 1");
  });

  test("the drive's position counts them, and they can be read at once", async () => {
    const { write, read, do: run, send } = await rig({ compression: true });
    for (let i = 0; i < 6; i++) await write(blockOf(200_000, i));
    const { data } = await send(READ_POSITION, { room: 20 });
    expect(data.readUInt32BE(4)).toBe(6);
    await write(blockOf(200_000, 6));
    // Back by one block.
    expect(await run("11 00 ffffff 00")).toBe("GOOD");
    expect((await read(200_000)).data.subarray(-20).includes("block 6")).toBe(true);
  });

  test("are on the tape with their own answer in unbuffered mode", async () => {
    const { write, drive, send } = await rig({ compression: true });
    expect((await send(UNBUFFERED.cdb, UNBUFFERED)).result).toBe("GOOD");
    expect(await write(blockOf(200_000, 0))).toBe("GOOD");
    expect(drive.cartridge!.partitions[0]!.count).toBe(1);
  });

  test("are on the tape when the cartridge leaves the drive", async () => {
    const { write, drive } = await rig({ compression: true });
    for (let i = 0; i < 5; i++) await write(blockOf(200_000, i));
    const cartridge = await drive.remove();
    expect(cartridge.partitions[0]!.count).toBe(5);
    await cartridge.close();
  });

  test("near the end of the tape noise is warned of where it would be without", async () => {
    const warnings = async (compression: boolean) => {
      const { write } = await rig({ compression }, { capacityBytes: 4_000_000 });
      const results: string[] = [];
      for (let i = 0; i < 45; i++) results.push(await write(blockOf(100_000, i, 1)));
      return results;
    };
    const results = await warnings(true);
    expect(results).toEqual(await warnings(false));
    expect(results.filter((result) => result !== "GOOD").length).toBeGreaterThan(0);
  });
});

test("what could not be written after its answer is a deferred error of the next command", async () => {
  const { write, read, do: run } = await rig({ compression: true }, { capacityBytes: 1e9 });
  for (let i = 0; i < 10; i++) await write(blockOf(100_000, i));
  await run(FILEMARK);
  const real = Object.getOwnPropertyDescriptor(LogFile.prototype, "write")!
    .value as LogFile["write"];
  const failing = vi.spyOn(LogFile.prototype, "write").mockImplementation(function (
    this: LogFile,
    buffer,
    offset,
  ) {
    if (!this.path.endsWith(".log")) return real.call(this, buffer, offset);
    return Promise.reject(new SystemError("EIO", 5, "the disk is gone"));
  });
  const results: string[] = [];
  for (let i = 10; i < 60; i++) results.push(await write(blockOf(100_000, i, 1)));
  failing.mockRestore();
  expect(new Set(results.filter((result) => result !== "GOOD"))).toEqual(
    new Set(["3/0C/00 DEFERRED"]),
  );
  // What is there are whole blocks in the order of writing, none twice.
  await run(FILEMARK);
  await run(REWIND);
  const numbers: number[] = [];
  for (;;) {
    const { result, data } = await read(100_000);
    if (result.startsWith("8/00/05")) break;
    if (result !== "GOOD") continue;
    numbers.push(data.at(0) as number);
  }
  expect(numbers.length).toBeGreaterThanOrEqual(10);
});

describe("a block's compression", () => {
  const plain = { compress: true, encryption: undefined };

  test("is the same format by Node's zlib and by the library itself", async () => {
    const block = blockOf(300_000, 1);
    const native = await encodeBlock(block, plain);
    expect(native.compression).toBe(COMPRESSION.BROTLI);
    expect(native.bytes.length).toBeLessThan(150_000);
    expect(block.equals((await decompressByZlib(native.bytes, block.length))!)).toBe(true);
    const byZlib = (await compressByZlib(block))!;
    const decoded = await decodeBlock({ ...native, bytes: byZlib }, undefined);
    expect(block.equals(decoded as Uint8Array)).toBe(true);
  });

  test.each(["native", "zlib"])("leaves noise as it is, and finds damage: %s", async (by) => {
    if (by === "zlib") withoutNative();
    const noise = blockOf(300_000, 1, 1);
    expect(await encodeBlock(noise, plain)).toMatchObject({ compression: COMPRESSION.NONE });
    const stored = await encodeBlock(blockOf(300_000, 1), plain);
    for (const wrong of [
      { ...stored, bytes: new Uint8Array(stored.bytes.length).fill(0xff) },
      { ...stored, bytes: stored.bytes.subarray(0, -9) },
      { ...stored, blockLength: stored.blockLength - 1 },
      { ...stored, blockLength: stored.blockLength + 1 },
    ]) {
      const outcome = (await decodeBlock(wrong, undefined)) as Outcome;
      expect(outcome.sense).toEqual(SENSE.UNRECOVERED_READ_ERROR);
    }
  });
});
