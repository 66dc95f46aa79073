import { spawnSync } from "node:child_process";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { ERRNO } from "../../../src/protocol/errno.ts";
import {
  IoUringCqe,
  IoUringGeteventsArg,
  IoUringParams,
  IoUringSqe,
  KernelTimespec,
} from "../../../src/sdk/native/io-uring-abi.ts";
import { loadIoUring } from "../../../src/sdk/native/io-uring.ts";
import { scratchFiles } from "../storage/scratch-file.ts";

const newFile = scratchFiles();
const ring = loadIoUring();
if (ring === undefined) process.stderr.write("SKIPPED: this machine has no io_uring for us\n");

test("the layouts have the sizes that the kernel knows", () => {
  const layouts = [IoUringParams, IoUringSqe, IoUringCqe, IoUringGeteventsArg, KernelTimespec];
  expect(layouts.map(({ size }) => size)).toEqual([120, 64, 16, 24, 16]);
});

describe.skipIf(ring === undefined)("io_uring", () => {
  test("more at a time than the ring holds, each with its own result", async () => {
    const path = newFile(0);
    writeFileSync(
      path,
      Uint8Array.from({ length: 100_000 }, (_, index) => index >> 8),
    );
    const fd = openSync(path, "r");
    const read = (index: number) =>
      new Promise<number>((resolve) => {
        const buffer = new Uint8Array(1);
        ring?.read(fd, buffer, index << 8, (result) => resolve(result === 1 ? buffer[0]! : result));
      });
    const results = await Promise.all(Array.from({ length: 380 }, (_, index) => read(index)));
    expect(results).toEqual(Array.from({ length: 380 }, (_, index) => index & 0xff));
    closeSync(fd);
  });

  test("an operation that starts another when it is done", async () => {
    const fd = openSync(newFile(4096), "r");
    let rest = 500;
    await new Promise<void>((resolve) => {
      const next = () => {
        if (rest-- === 0) resolve();
        else ring?.read(fd, new Uint8Array(512), 0, next);
      };
      next();
    });
    closeSync(fd);
  });

  test("errors are negative errnos", async () => {
    const result = await new Promise((resolve) => ring?.sync(-1, resolve));
    expect(result).toBe(-ERRNO.EBADF);
  });

  // What each does after it has started 64 reads; the exit code and what it prints.
  test.each([
    ["ends of itself when they are done", "", 0, /^64$/],
    ["exits in the middle", "setImmediate(() => process.exit(3));", 3, /^(64)?$/],
    ["throws in the middle", "setImmediate(() => { throw 1; });", 1, /^(64)?$/],
  ])("a process %s", (_what, then, code, printed) => {
    const path = newFile(1 << 22);
    const module = join(import.meta.dirname, "../../../src/sdk/native/io-uring.ts");
    const script = `
      import { openSync } from "node:fs";
      import { loadIoUring } from ${JSON.stringify(module)};
      const ring = loadIoUring();
      const fd = openSync(${JSON.stringify(path)}, "r");
      let done = 0;
      for (let i = 0; i < 64; i++) {
        ring.read(fd, new Uint8Array(65536), i * 65536, () => {
          if (++done === 64) process.stdout.write("64");
        });
      }
      ${then}`;
    const flags = ["--import", "tsx", "--input-type=module", "--eval", script];
    const result = spawnSync(process.execPath, flags, { encoding: "utf8", timeout: 30_000 });
    expect([result.status, result.signal]).toEqual([code, null]);
    expect(result.stdout).toMatch(printed);
  });
});
