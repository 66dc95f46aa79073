import { describe, expect, test, vi } from "vitest";

import { ERRNO } from "../../../src/protocol/errno.ts";
import { type Libc, loadLibc } from "../../../src/sdk/native/libc.ts";
import { fileStore } from "../../../src/sdk/storage/file-store.ts";
import { scratchFiles } from "./scratch-file.ts";
import { testStore } from "./store-suite.ts";

/** How much of a read the page cache pretends to have: all but what this says. */
let cached: (wanted: number) => number = () => 0;

/** The last read pretended that it had nothing. */
let missed = false;

vi.mock(import("../../../src/sdk/native/libc.ts"), async (original) => {
  const real = await original();
  const libc = real.loadLibc();
  if (libc === undefined) return real;
  const fake: Libc = {
    ...libc,
    preadv2: (fd, iovec, count, offset, flags) => {
      const read = libc.preadv2(fd, iovec, count, offset, flags);
      missed = read > 0 && cached(read) === 0;
      return missed ? -1 : Math.min(read, cached(read) || read);
    },
    errno: () => {
      const errno = missed ? ERRNO.EAGAIN : libc.errno();
      missed = false;
      return errno;
    },
  };
  return { ...real, loadLibc: () => fake };
});

const newFile = scratchFiles();

describe.skipIf(loadLibc() === undefined).each([
  ["nothing", () => 0],
  ["the first byte", () => 1],
  ["half", (wanted: number) => wanted >> 1],
])("%s of a file is in the page cache (with koffi)", (_name, has) => {
  testStore({
    name: "file store",
    open: (size, options) => {
      cached = has;
      return fileStore(newFile(size), options);
    },
  });

  test("a miss is read later", async () => {
    cached = has;
    const store = fileStore(newFile(8192));
    await store.write(new Uint8Array(4096).fill(3), 0, false);
    const buffer = new Uint8Array(4096);
    const done = store.read(buffer, 0);
    expect(done).toBeInstanceOf(Promise);
    await done;
    expect(buffer.every((byte) => byte === 3)).toBe(true);
    await store.close();
  });
});
