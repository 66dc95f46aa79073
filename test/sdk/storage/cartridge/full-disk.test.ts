import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import {
  createCartridge,
  openCartridge,
} from "../../../../src/sdk/storage/cartridge/cartridge-folder.ts";
import type {
  Cartridge,
  CartridgePartition,
} from "../../../../src/sdk/storage/cartridge/cartridge.ts";
import { smallTmpfs } from "../../../support/small-tmpfs.ts";

const MIB = 1024 * 1024;
const BLOCK_BYTES = 300_000;

const folder = smallTmpfs(8);

const first = (cartridge: Cartridge) => cartridge.partitions[0] as CartridgePartition;

const block = (number: number) => new Uint8Array(BLOCK_BYTES).fill(number + 1);

async function append(log: CartridgePartition, number: number): Promise<void> {
  await log.append({
    filemark: false,
    compression: 0,
    encrypted: false,
    prefixLength: 0,
    blockLength: BLOCK_BYTES,
    bytes: block(number),
  });
}

async function expectBlocks(log: CartridgePartition, numbers: readonly number[]): Promise<void> {
  expect(log.count).toBe(numbers.length);
  for (const [index, number] of numbers.entries()) {
    const { bytes } = await log.read(index);
    expect(Buffer.compare(bytes, block(number)), `object ${index}`).toBe(0);
  }
}

describe.skipIf(folder === undefined)("a cartridge on a full disk", () => {
  test("keeps what was written whole, and goes on when there is room", async () => {
    const ballast = join(folder as string, "ballast");
    writeFileSync(ballast, new Uint8Array(3 * MIB));
    const path = join(folder as string, "cartridge");
    const medium = { barcode: "TST001L8", densityCode: 0x5e, mediumType: 0 };
    await createCartridge(path, { ...medium, capacityBytes: 1 << 30 });
    const cartridge = await openCartridge(path);
    const log = first(cartridge);

    const enospc = expect.objectContaining({ code: "ENOSPC", errno: 28 });
    const fill = async () => {
      for (let number = 0; number < 100; number++) await append(log, number);
    };
    await expect(fill()).rejects.toThrow(enospc);
    expect(log.writeError).toEqual(enospc);
    await expect(log.flush(true)).rejects.toThrow(enospc);

    await log.dropUnwritten();
    const kept = Array.from({ length: log.count }, (_, number) => number);
    // What fits into five MiB, but for what was still in two buffers of one.
    expect(log.count).toBeGreaterThanOrEqual(9);
    await expectBlocks(log, kept);

    rmSync(ballast);
    await append(log, 50);
    await append(log, 51);
    await log.flush(true);
    await cartridge.close();
    const again = await openCartridge(path);
    await expectBlocks(first(again), [...kept, 50, 51]);
    await again.close();
  });
});
