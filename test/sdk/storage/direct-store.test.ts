import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { alignedBytes } from "../../../src/sdk/native/aligned-bytes.ts";
import { loadIoUring } from "../../../src/sdk/native/io-uring.ts";
import { loadLibc } from "../../../src/sdk/native/libc.ts";
import { DirectAccess } from "../../../src/sdk/storage/direct-access.ts";
import { directAlignment, triedOut } from "../../../src/sdk/storage/direct-alignment.ts";
import { chooseFileIo } from "../../../src/sdk/storage/file-io.ts";
import { fileStore, type FileStoreOptions } from "../../../src/sdk/storage/file-store.ts";
import { OpenFile } from "../../../src/sdk/storage/open-file.ts";
import { openPath } from "../../../src/sdk/storage/open-path.ts";
import { directFolder } from "./direct-folder.ts";
import { scratchFiles } from "./scratch-file.ts";
import { settle, testStore } from "./store-suite.ts";

const folder = directFolder();
const newFile = scratchFiles(folder);

const WAYS: readonly (readonly [name: string, options: FileStoreOptions])[] = [
  ...(loadIoUring() === undefined ? [] : ([["io_uring", { io: "io_uring" }]] as const)),
  ["thread pool", { io: "thread-pool" }],
  ["write through", { writeThrough: true }],
];

describe.skipIf(folder === undefined)("O_DIRECT", () => {
  for (const [name, options] of WAYS) {
    testStore({
      name: `file store, direct, ${name}`,
      open: (size, { readOnly }) =>
        fileStore(newFile(size), { ...options, readOnly, engine: "direct" }),
    });
  }

  test("says which way it took", async () => {
    const store = fileStore(newFile(8192), { engine: "direct", io: "thread-pool" });
    expect([store.engine, store.io]).toEqual(["direct", "thread-pool"]);
    await store.close();
  });

  test("goes past the page cache", async () => {
    const path = newFile(1 << 20);
    const store = fileStore(path, { engine: "direct" });
    await store.write(alignedBytes(4096, 4096).fill(7), 0, true);
    await store.close();
    const status = fs.readFileSync(path);
    expect(status.subarray(0, 4096).every((byte) => byte === 7)).toBe(true);
  });

  test("what is behind the last whole unit is not part of it", async () => {
    const path = newFile(8192 + 100);
    const store = fileStore(path, { engine: "direct" });
    expect(store.size).toBe(8192);
    await settle(() => store.write(new Uint8Array(100).fill(1), 8092, false));
    expect(fs.statSync(path).size).toBe(8292);
    await store.close();
  });

  test("the alignment that the file system tells is one that works", () => {
    const path = newFile(1 << 20);
    const fd = openPath(path, { readOnly: true, synchronous: false, direct: true });
    const told = directAlignment(fd, path);
    const tried = triedOut(fd, path);
    expect(tried.unit).toBeLessThanOrEqual(4096);
    expect(told.unit % 512).toBe(0);
    const buffer = alignedBytes(told.unit, 4096);
    expect(fs.readSync(fd, buffer, 0, told.unit, told.unit)).toBe(told.unit);
    fs.closeSync(fd);
  });

  test("a file that was cut short: EIO, and no write that would hide it", async () => {
    const path = newFile(1 << 20);
    const store = fileStore(path, { engine: "direct" });
    fs.truncateSync(path, 8192 + 100);
    const cut = expect.objectContaining({ code: "EIO", errno: 5 });
    await expect(settle(() => store.read(alignedBytes(4096, 4096), 8192))).rejects.toThrow(cut);
    await expect(settle(() => store.write(new Uint8Array(512), 65_536, false))).rejects.toThrow(
      /it has been cut to 8192 bytes$/,
    );
    await expect(settle(() => store.flush())).rejects.toThrow(cut);
    expect(fs.statSync(path).size).toBe(8292);
    await store.close();
  });
});

/** An access that wants more alignment than the file system does. */
function accessWithUnit(path: string, unit: number) {
  const fd = openPath(path, { readOnly: false, synchronous: false, direct: true });
  const file = new OpenFile(fd, path, chooseFileIo(undefined), () => undefined);
  file.unit = unit;
  return { file, access: new DirectAccess(file, { memory: unit, unit }, false) };
}

test.skipIf(folder === undefined)("writes that share units lose nothing", async () => {
  const SIZE = 64 * 1024;
  const write = fc.record({
    sector: fc.integer({ min: 0, max: 127 }),
    count: fc.integer({ min: 1, max: 24 }),
    aligned: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 24 }), async (writes) => {
      const path = newFile(SIZE);
      const { file, access } = accessWithUnit(path, 4096);
      const expected = new Uint8Array(SIZE);
      const taken = new Uint8Array(128);
      const under: Promise<void>[] = [];
      for (const [index, { sector, count, aligned }] of writes.entries()) {
        const end = Math.min(128, sector + count);
        // Sectors that were not written yet: of two that overlap either may come last.
        if (taken.subarray(sector, end).some((value) => value !== 0)) continue;
        taken.fill(1, sector, end);
        const length = (end - sector) * 512;
        const data = aligned ? alignedBytes(length, 4096) : new Uint8Array(length + 3).subarray(3);
        data.fill(index + 1);
        expected.fill(index + 1, sector * 512, end * 512);
        under.push(access.write(data, sector * 512, false));
      }
      await Promise.all(under);
      const found = new Uint8Array(SIZE);
      await access.read(found, 0);
      await file.close();
      expect(Buffer.compare(found, expected)).toBe(0);
    }),
    { numRuns: 60 },
  );
});

describe("where it can't be had", () => {
  test.skipIf(loadLibc() === undefined || !fs.existsSync("/sys/kernel"))(
    "a file system without O_DIRECT",
    () => {
      const path = "/sys/kernel/notes";
      const open = () => fileStore(path, { engine: "direct", readOnly: true });
      expect(open).toThrow(expect.objectContaining({ code: "FILE_STORE_DIRECT" }));
      expect(open).toThrow(/has no O_DIRECT for it; take the engine "buffered"/);
    },
  );

  test("nothing is there", () => {
    const open = () => fileStore(join(tmpdir(), "no-such.img"), { engine: "direct" });
    expect(open).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });
});
