import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";

import { alignedBytes } from "../../../../src/sdk/native/aligned-bytes.ts";
import { LogFile } from "../../../../src/sdk/storage/cartridge/log-file.ts";
import { WriteBehind } from "../../../../src/sdk/storage/cartridge/write-behind.ts";

const MIB = 1024 * 1024;
const folder = fs.mkdtempSync(join(tmpdir(), "write-behind-"));

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

let files = 0;

async function newFile(length = 0) {
  const path = join(folder, `file${files++}`);
  fs.writeFileSync(path, Buffer.alloc(length, 0xaa));
  return { path, file: await LogFile.open(path) };
}

/** Every file is one that can't be opened with O_DIRECT. */
function refuseDirect(): void {
  const { open } = fs.promises;
  vi.spyOn(fs.promises, "open").mockImplementation(async (path, flags, mode) => {
    if (((flags as number) & fs.constants.O_DIRECT) !== 0) throw new Error("EINVAL");
    return await open(path, flags, mode);
  });
}

/** Bytes that tell where they are and how often the place was written. */
function piece(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = at * 7 + (at >> 8) + seed;
  return bytes;
}

type Step = { append: number } | { drain: true } | { reset: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 600_000 }).map((append) => ({ append })) },
  { weight: 1, arbitrary: fc.integer({ min: MIB, max: 3 * MIB }).map((append) => ({ append })) },
  { weight: 2, arbitrary: fc.constant({ drain: true as const }) },
  { weight: 1, arbitrary: fc.nat(1000).map((reset) => ({ reset })) },
);

/** Does the steps, and holds the file against what it must be after each drain. */
async function agrees(steps: readonly Step[]): Promise<void> {
  const head = piece(48, 99);
  const { path, file } = await newFile(64);
  const writer = new WriteBehind(file);
  let expected = Buffer.alloc(64, 0xaa);
  await writer.reset(64);
  for (const [seed, action] of [...steps, { drain: true as const }].entries()) {
    if ("append" in action) {
      const body = piece(action.append, seed);
      await writer.append(head, body);
      expected = Buffer.concat([expected, head, body]);
      body.fill(0);
      continue;
    }
    await writer.drain();
    expect(writer.dirty).toBe(false);
    expect(writer.written).toBe(expected.length);
    expect(fs.readFileSync(path).equals(expected)).toBe(true);
    if (!("reset" in action)) continue;
    const end = Math.floor((expected.length * action.reset) / 1000);
    await writer.reset(end);
    await file.truncate(end);
    expected = expected.subarray(0, end);
  }
  await file.close();
  fs.rmSync(path);
}

describe("what is appended is in the file after a drain, in order", () => {
  test("with O_DIRECT where the file system has it", { timeout: 120_000 }, async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 30 }), agrees), { numRuns: 20 });
  });

  test("without", { timeout: 120_000 }, async () => {
    refuseDirect();
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 30 }), agrees), { numRuns: 20 });
  });
});

test("a reset beyond the file's end is refused", async () => {
  const { path, file } = await newFile(64);
  await expect(new WriteBehind(file).reset(100)).rejects.toThrow(`${path} ends before 100`);
  await file.close();
});

describe("long writes of a log file", () => {
  test.each([
    ["aligned", 0, 0, MIB],
    ["at an address that is not", 1, 0, MIB],
    ["at an offset that is not", 0, 1000, MIB],
    ["of a length that is not", 0, 4096, MIB + 5],
  ])("%s", async (_, skip, offset, length) => {
    const { path, file } = await newFile();
    const bytes = alignedBytes(length + skip, 4096).subarray(skip);
    bytes.set(piece(length, 3));
    for (let round = 0; round < 2; round++) await file.write(bytes, offset + round * length);
    await file.close();
    const written = fs.readFileSync(path).subarray(offset);
    expect(written.equals(Buffer.concat([bytes, bytes]))).toBe(true);
  });

  test("go past the page cache by a descriptor of their own", async () => {
    const opened = vi.spyOn(fs.promises, "open");
    const { file } = await newFile();
    for (let at = 0; at < 4 * MIB; at += MIB) await file.write(alignedBytes(MIB, 4096), at);
    const direct = opened.mock.calls.filter(
      ([, flags]) => ((flags as number) & fs.constants.O_DIRECT) !== 0,
    );
    expect(direct).toHaveLength(1);
    await file.close();
  });
});
