import { openSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { ERRNO } from "../../../src/protocol/errno.ts";
import { loadLibc } from "../../../src/sdk/native/libc.ts";
import { BufferedAccess } from "../../../src/sdk/storage/buffered-access.ts";
import { type FileIo, type IoDone, threadPoolIo } from "../../../src/sdk/storage/file-io.ts";
import { OpenFile } from "../../../src/sdk/storage/open-file.ts";
import { scratchFiles } from "./scratch-file.ts";

const newFile = scratchFiles();

/** Answers in a row, one an operation; the last one stays. */
function scripted(results: readonly number[], writesDurably = true) {
  const calls: string[] = [];
  const left = [...results];
  const answer = (call: string, done: IoDone) => {
    calls.push(call);
    const result = left.length > 1 ? left.shift() : left[0];
    setImmediate(() => done(result ?? 0));
  };
  const io: FileIo = {
    name: "io_uring",
    writesDurably,
    read: (_fd, buffer, offset, done) => answer(`read ${buffer.length} at ${offset}`, done),
    write: (_fd, buffer, offset, durable, done) =>
      answer(`write ${buffer.length} at ${offset}${durable ? " durably" : ""}`, done),
    sync: (_fd, done) => answer("sync", done),
  };
  const file = new OpenFile(openSync(newFile(8192), "r+"), "file x", io, () => calls.push("end"));
  return { file, calls };
}

const bytes = (length: number) => new Uint8Array(length);

describe("transfers", () => {
  test("what is cut short goes on where it stopped", async () => {
    const { file, calls } = scripted([1000, 3096, 100, 412]);
    await file.read(bytes(4096), 0);
    await file.write(bytes(512), 4096, false, false);
    expect(calls).toEqual([
      "read 4096 at 0",
      "read 3096 at 1000",
      "write 512 at 4096",
      "write 412 at 4196",
    ]);
    await file.close();
  });

  test("with O_DIRECT a read that ends within a unit has met the file's end", async () => {
    const { file, calls } = scripted([1000]);
    file.unit = 512;
    await expect(file.read(bytes(4096), 0)).rejects.toMatchObject({ code: "EIO" });
    expect(calls).toEqual(["read 4096 at 0", "end"]);
    await file.close();
  });

  test("a write of nothing is an error, not a loop", async () => {
    const { file } = scripted([0]);
    await expect(file.write(bytes(512), 0, false, false)).rejects.toMatchObject({ code: "EIO" });
    await file.close();
  });
});

/** What the first durable write fails with, and whether later flushes fail for it. */
const FAILURES: readonly (readonly [errno: keyof typeof ERRNO, remembered: boolean])[] = [
  ["EIO", true],
  ["ETIMEDOUT", true],
  ["ENOSPC", false],
  ["EDQUOT", false],
  ["EROFS", false],
];

describe("failures of what must be durable", () => {
  test.each(FAILURES)("a durable write: %s, remembered: %s", async (name, remembered) => {
    const { file, calls } = scripted([-ERRNO[name], 0]);
    const failed = expect.objectContaining({ code: name, errno: ERRNO[name] });
    await expect(file.write(bytes(512), 0, true, false)).rejects.toThrow(failed);
    expect(calls).toEqual(["write 512 at 0 durably"]);
    if (remembered) {
      await expect(file.sync()).rejects.toThrow(failed);
      await expect(file.sync()).rejects.toThrow(failed);
      await expect(file.write(bytes(512), 0, true, false)).rejects.toThrow(failed);
    } else {
      await file.sync();
    }
    await file.close();
  });

  test.each(["EIO", "ENOSPC"] as const)("a flush: %s is remembered", async (name) => {
    const { file } = scripted([-ERRNO[name], 0]);
    const failed = expect.objectContaining({ code: name, message: expect.any(String) });
    await expect(file.sync()).rejects.toThrow(failed);
    await expect(file.sync()).rejects.toThrow(failed);
    await file.close();
  });

  test("where the write alone is not durable it is flushed, with the same memory", async () => {
    const { file, calls } = scripted([512, -ERRNO.ENOSPC, 0], false);
    const failed = expect.objectContaining({ code: "ENOSPC" });
    await expect(file.write(bytes(512), 0, true, false)).rejects.toThrow(failed);
    expect(calls).toEqual(["write 512 at 0", "sync"]);
    await expect(file.sync()).rejects.toThrow(failed);
    await file.close();
  });

  test("writes that need not be durable go on", async () => {
    const { file } = scripted([-ERRNO.EIO, 512]);
    await expect(file.sync()).rejects.toMatchObject({ code: "EIO" });
    await file.write(bytes(512), 0, false, false);
    await file.close();
  });
});

/** A file through the page cache, and what the clock says each time that it is looked at. */
const open = (times: readonly number[]) => {
  const path = newFile(1 << 20);
  const file = new OpenFile(openSync(path, "r+"), path, threadPoolIo, () => undefined);
  const left = [...times];
  const now = () => (left.length > 1 ? (left.shift() as number) : (left[0] as number));
  const access = new BufferedAccess(file, path, { readLater: false, synchronous: false, now });
  return { file, access };
};

describe("long reads", () => {
  test("one that follows another is done elsewhere, and those behind it", async () => {
    const { file, access } = open([9, 10, 10.2, 10.21, 20, 30]);
    await access.write(new Uint8Array(1 << 20).fill(7), 0, false);
    const buffers = [1, 2, 3].map(() => bytes(1 << 19));
    const reads = buffers.map((buffer, index) => access.read(buffer, index << 10));
    expect(reads[1]).toBeInstanceOf(Promise);
    expect(reads[2]).toBeInstanceOf(Promise);
    for (const read of reads) await read;
    for (const buffer of buffers) expect(buffer.every((byte) => byte === 7)).toBe(true);
    await file.close();
  });

  test.runIf(loadLibc() !== undefined)("one after another stay here", async () => {
    const { file, access } = open([10, 10.2, 10.9, 11]);
    expect(access.read(bytes(1 << 19), 0)).toBeUndefined();
    expect(access.read(bytes(1 << 19), 0)).toBeUndefined();
    await file.close();
  });

  test.runIf(loadLibc() !== undefined)("where several were seen, later ones go there", async () => {
    const { file, access } = open([10, 10.2, 10.21, 50, 200, 200.2]);
    expect(access.read(bytes(1 << 19), 0)).toBeUndefined();
    await access.read(bytes(1 << 19), 0);
    const soon = access.read(bytes(1 << 19), 0);
    expect(soon).toBeInstanceOf(Promise);
    await soon;
    expect(access.read(bytes(1 << 19), 0)).toBeUndefined();
    await file.close();
  });
});

describe("writes on the event loop", () => {
  test("one that waited has the next ones done elsewhere for a while", async () => {
    // Looked at before each write and at its end.
    const { file, access } = open([0, 5, 100, 210, 210]);
    expect(access.write(bytes(4096), 0, false)).toBeUndefined();
    const later = access.write(bytes(4096), 4096, false);
    expect(later).toBeInstanceOf(Promise);
    await later;
    expect(access.write(bytes(4096), 8192, false)).toBeUndefined();
    await file.close();
  });

  test("one that waited for those done elsewhere does not send the next ones there", async () => {
    const { file, access } = open([0, 5, 100, 110, 130, 130]);
    expect(access.write(bytes(4096), 0, false)).toBeUndefined();
    const later = access.write(bytes(4096), 4096, false);
    // It takes 20 ms, while the one before is under way.
    expect(access.write(bytes(4096), 8192, false)).toBeUndefined();
    expect(access.write(bytes(4096), 12_288, false)).toBeUndefined();
    await later;
    await file.close();
  });

  test("a short wait has them done elsewhere for a short while", async () => {
    const { file, access } = open([0, 2, 41, 43]);
    expect(access.write(bytes(4096), 0, false)).toBeUndefined();
    await access.write(bytes(4096), 4096, false);
    expect(access.write(bytes(4096), 8192, false)).toBeUndefined();
    await file.close();
  });

  test("a part of a page goes at once only if the rest of it is there", async () => {
    const { file, access } = open([0]);
    const later = access.write(bytes(512), 512, false);
    await later;
    expect(access.write(bytes(4096), 65_536, false)).toBeUndefined();
    await file.close();
  });
});
