import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";

import { loadLibc } from "../../../src/sdk/native/libc.ts";
import { fileStore, type FileStoreOptions } from "../../../src/sdk/storage/file-store.ts";
import { isExt4, isTmpfs, scratchFiles } from "./scratch-file.ts";
import { settle, testStore } from "./store-suite.ts";

const newFile = scratchFiles();
const SHM = "/dev/shm";
const newFileInMemory = scratchFiles(SHM);

const ENGINES: readonly (readonly [name: string, options: FileStoreOptions])[] = [
  ["buffered", {}],
  ["thread pool", { engine: "thread-pool" }],
  ["buffered, misses on the thread pool", { io: "thread-pool" }],
  ["write through", { writeThrough: true }],
];

for (const [name, options] of ENGINES) {
  testStore({
    name: `file store, ${name}`,
    open: (size, { readOnly }) => fileStore(newFile(size), { ...options, readOnly }),
  });
}

// Skipped where there is no tmpfs to test on.
if (isTmpfs(SHM)) {
  testStore({
    name: "file store, in memory",
    open: (size, options) => fileStore(newFileInMemory(size), options),
  });
}

describe("opening", () => {
  test.each([
    ["nothing there", join(tmpdir(), "no", "such.img"), { code: "ENOENT", errno: 2 }],
    ["a directory", tmpdir(), { code: "FILE_STORE_PATH" }],
    ["a character device", "/dev/null", { code: "FILE_STORE_PATH" }],
  ])("%s", (_name, path, expected) => {
    expect(() => fileStore(path)).toThrow(expect.objectContaining(expected));
    expect(() => fileStore(path)).toThrow(path);
  });
});

describe("what is done at once", () => {
  test.skipIf(loadLibc() === undefined || !isExt4(tmpdir()))(
    "a read of what is cached; without ext4 or koffi there may be nothing that is",
    async () => {
      const store = fileStore(newFile(1 << 20));
      await store.write(new Uint8Array(4096).fill(5), 8192, false);
      const buffer = new Uint8Array(4096);
      expect(store.read(buffer, 8192)).toBeUndefined();
      expect(buffer[4095]).toBe(5);
      await store.close();
    },
  );

  test.skipIf(!isTmpfs(SHM))("small reads of files in memory; where there is a tmpfs", async () => {
    const store = fileStore(newFileInMemory(1 << 20));
    expect(store.read(new Uint8Array(65_536), 0)).toBeUndefined();
    expect(store.read(new Uint8Array(65_537), 0)).toBeInstanceOf(Promise);
    await store.close();
  });

  test("small writes, unless they must be durable", async () => {
    const store = fileStore(newFile(1 << 20));
    expect(store.write(new Uint8Array(131_072), 0, false)).toBeUndefined();
    expect(store.write(new Uint8Array(131_073), 0, false)).toBeInstanceOf(Promise);
    expect(store.write(new Uint8Array(512), 0, true)).toBeInstanceOf(Promise);
    const through = fileStore(newFile(1 << 20), { writeThrough: true });
    expect(through.write(new Uint8Array(512), 0, false)).toBeInstanceOf(Promise);
    await store.close();
    await through.close();
  });
});

describe("a file that changes its size", () => {
  test.each([{}, { engine: "thread-pool" } as const])("shrinks: %o", async (options) => {
    const path = newFile(1 << 20);
    const store = fileStore(path, options);
    fs.truncateSync(path, 8192 + 100);
    await settle(() => store.read(new Uint8Array(100), 8192));
    const beyond = settle(() => store.read(new Uint8Array(4096), 8192));
    await expect(beyond).rejects.toMatchObject({ code: "EIO", errno: 5 });
    expect(store.size).toBe(1 << 20);
    expect(store.refreshSize()).toBe(8292);
    expect(store.size).toBe(8292);
    await store.close();
  });

  test("grows", async () => {
    const path = newFile(8192);
    const store = fileStore(path);
    fs.truncateSync(path, 16_384);
    expect(store.refreshSize()).toBe(16_384);
    await settle(() => store.write(new Uint8Array(4096).fill(1), 12_288, true));
    await store.close();
    expect(fs.readFileSync(path)[16_383]).toBe(1);
  });
});

/** What the file store calls of node:fs, to be replaced and put back. */
const original = { fdatasync: fs.fdatasync, write: fs.write, writeSync: fs.writeSync };

function replace(replacement: Partial<Record<keyof typeof original, unknown>>): void {
  Object.assign(fs, replacement);
  syncBuiltinESMExports();
}

afterEach(() => replace(original));

const eio = Object.assign(new Error("EIO: i/o error"), { code: "EIO", errno: -5 });
const enospc = Object.assign(new Error("ENOSPC: no space"), { code: "ENOSPC", errno: -28 });

describe("failures", () => {
  test("a flush that failed is told to every later flush and FUA write", async () => {
    const store = fileStore(newFile(8192), { io: "thread-pool" });
    replace({ fdatasync: (_fd: number, done: (error: unknown) => void) => done(eio) });
    await expect(store.flush()).rejects.toMatchObject({ code: "EIO", errno: 5 });
    replace(original);
    await expect(store.flush()).rejects.toThrow(/^flush of file .*: EIO/);
    await expect(settle(() => store.write(new Uint8Array(512), 0, true))).rejects.toMatchObject({
      code: "EIO",
    });
    await settle(() => store.write(new Uint8Array(512), 0, false));
    await store.close();
  });

  test.each([
    ["small", 4096],
    ["large", 100_000],
  ])("a %s write", async (_name, length) => {
    const store = fileStore(newFile(1 << 20), { io: "thread-pool" });
    replace({
      writeSync: () => {
        throw enospc;
      },
      write: (...args: unknown[]) => (args.at(-1) as (error: unknown) => void)(enospc),
    });
    const write = settle(() => store.write(new Uint8Array(length), 512, false));
    await expect(write).rejects.toMatchObject({ code: "ENOSPC", errno: 28 });
    const again = settle(() => store.write(new Uint8Array(length), 512, false));
    await expect(again).rejects.toThrow(`write of ${length} bytes at offset 512 of file `);
    await store.close();
  });

  test.each([
    ["small", 4096],
    ["large", 100_000],
  ])("a %s write that is cut short goes on where it stopped", async (_name, length) => {
    const path = newFile(1 << 20);
    const store = fileStore(path, { io: "thread-pool" });
    const half = (count: number) => Math.max(1, count >> 1);
    replace({
      writeSync: (fd: number, data: Uint8Array, at: number, count: number, offset: number) =>
        original.writeSync(fd, data, at, half(count), offset),
      write: (
        fd: number,
        data: Uint8Array,
        at: number,
        count: number,
        offset: number,
        done: (error: Error | null, written: number) => void,
      ) => original.write(fd, data, at, half(count), offset, done),
    });
    const data = Uint8Array.from({ length }, (_, index) => index % 251);
    await settle(() => store.write(data, 1000, false));
    await store.close();
    const found = fs.readFileSync(path).subarray(1000, 1000 + length);
    expect(Buffer.compare(found, data)).toBe(0);
  });
});

describe("closing", () => {
  test("waits for what is under way, and refuses what comes after", async () => {
    const path = newFile(1 << 20);
    const store = fileStore(path);
    let over = false;
    const write = settle(() => store.write(new Uint8Array(500_000).fill(3), 0, true)).then(() => {
      over = true;
    });
    const closed = store.close();
    await closed;
    expect(over).toBe(true);
    await write;
    const ebadf = expect.objectContaining({ code: "EBADF" });
    const late = new Uint8Array(512);
    await expect(settle(() => store.read(late, 0))).rejects.toThrow(ebadf);
    await expect(settle(() => store.write(late, 0, false))).rejects.toThrow(ebadf);
    await expect(settle(() => store.flush())).rejects.toThrow(ebadf);
    await store.close();
    expect(fs.readFileSync(path)[499_999]).toBe(3);
  });
});
