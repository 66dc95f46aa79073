import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

import { LogFile } from "../../../../src/sdk/storage/cartridge/log-file.ts";
import { ReadWindow } from "../../../../src/sdk/storage/cartridge/read-window.ts";

const MIB = 1024 * 1024;
const folder = fs.mkdtempSync(join(tmpdir(), "window-"));

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Every byte tells where it is, more or less. */
function content(): Buffer {
  const bytes = Buffer.alloc(5 * MIB + 1000);
  for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 7 + (at >> 8)) & 0xff;
  return bytes;
}

const CONTENT = content();
let files = 0;

async function windowOn() {
  const path = join(folder, `file${files++}`);
  fs.writeFileSync(path, CONTENT);
  const file = await LogFile.open(path);
  const reads: number[] = [];
  const read = file.read.bind(file);
  file.read = (buffer, offset) => {
    reads.push(offset);
    return read(buffer, offset);
  };
  return { path, file, reads, window: new ReadWindow(file) };
}

describe("a read window", () => {
  test.each([1000, 100_000, 262_192, 700_001, MIB, 1_500_000])(
    "pieces of %i bytes, one after the other",
    async (length) => {
      const { file, window } = await windowOn();
      for (let at = 0; at < CONTENT.length; at += length) {
        const piece = await window.get(at, length);
        expect(Buffer.compare(piece, CONTENT.subarray(at, at + length))).toBe(0);
      }
      expect(await window.get(CONTENT.length, 10)).toHaveLength(0);
      await file.close();
    },
  );

  test("no byte is read twice where pieces are shorter than the window", async () => {
    const { file, window, reads } = await windowOn();
    for (let at = 0; at + 262_192 <= CONTENT.length; at += 262_192) await window.get(at, 262_192);
    expect(reads.slice(0, 6)).toEqual([0, 1, 2, 3, 4, 5].map((piece) => piece * MIB));
    await file.close();
  });

  test("back, forth, and short of what was asked for", async () => {
    const { file, window } = await windowOn();
    for (const at of [0, 900_000, 800_000, 3 * MIB, 2 * MIB, 100, 5 * MIB, MIB - 5]) {
      const piece = await window.get(at, 300_000);
      expect(Buffer.compare(piece, CONTENT.subarray(at, at + 300_000))).toBe(0);
    }
    expect(await window.get(5 * MIB, 5000)).toHaveLength(1000);
    await file.close();
  });

  test("what has changed is read anew once it is forgotten", async () => {
    const { path, file, window } = await windowOn();
    await window.get(0, 800_000);
    const changed = Buffer.from(CONTENT);
    changed.fill(9, MIB - 1000, MIB + 1000);
    fs.writeFileSync(path, changed);
    window.forget();
    const piece = await window.get(MIB - 10, 20);
    expect(Buffer.compare(piece, changed.subarray(MIB - 10, MIB + 10))).toBe(0);
    await file.close();
  });

  test("a piece that could not be read ahead is read again when it is wanted", async () => {
    const { file, window } = await windowOn();
    const read = file.read;
    file.read = (buffer, offset) =>
      offset === MIB ? Promise.reject(new Error("bad disk")) : read(buffer, offset);
    await window.get(0, 800_000);
    await window.get(800_000, 200_000);
    file.read = read;
    const piece = await window.get(MIB, 1000);
    expect(Buffer.compare(piece, CONTENT.subarray(MIB, MIB + 1000))).toBe(0);
    await file.close();
  });
});
