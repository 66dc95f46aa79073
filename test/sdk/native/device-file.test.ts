/** The real calls, on a FIFO: it has poll(2) and an ioctl. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ERRNO } from "../../../src/protocol/errno.ts";
import { Arena, PAGE_SIZE } from "../../../src/sdk/memory/arena.ts";
import { type DeviceFile, openDeviceFile } from "../../../src/sdk/native/device-file.ts";
import { MappedSource } from "../../../src/sdk/native/mapped-memory.ts";

/** How many bytes can be read, to an int. */
const FIONREAD = 0x541b;
const NO_IOCTL = 0x7501;

let folder = "";
let file: DeviceFile;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "scst-user-fifo-"));
  const path = join(folder, "fifo");
  execFileSync("mkfifo", [path]);
  file = openDeviceFile(path);
});

afterEach(() => {
  file.close();
  rmSync(folder, { recursive: true });
});

test("an ioctl reads and writes mapped memory, on this thread and aside", async () => {
  const arena = new Arena(new MappedSource());
  const { address, bytes } = arena.allocate(PAGE_SIZE)!;
  writeFileSync(file.path, "12345");
  bytes.fill(0xff);
  expect([file.ioctl(FIONREAD, address), [...bytes.subarray(0, 4)]]).toEqual([0, [5, 0, 0, 0]]);
  bytes.fill(0xff);
  expect([await file.ioctlAside(FIONREAD, address), bytes[0]]).toEqual([0, 5]);
  arena.close();
});

test("memory that a device has let go of serves the next one", () => {
  const first = new Arena(new MappedSource());
  const { address } = first.allocate(PAGE_SIZE)!;
  first.close();
  const next = new Arena(new MappedSource());
  expect(next.allocate(PAGE_SIZE)!.address).toBe(address);
  next.close();
});

test("a failure is its errno, negative, also aside and when closed", async () => {
  expect(file.ioctl(NO_IOCTL, 0)).toBe(-ERRNO.ENOTTY);
  expect(file.ioctl(FIONREAD, 1)).toBe(-ERRNO.EFAULT);
  expect(await file.ioctlAside(FIONREAD, 1)).toBe(-ERRNO.EFAULT);
  const aside = file.ioctlAside(NO_IOCTL, 0);
  file.close();
  // Its turn had not come.
  expect(await aside).toBe(-ERRNO.EBADF);
  expect(file.ioctl(NO_IOCTL, 0)).toBe(-ERRNO.EBADF);
  expect(await file.ioctlAside(NO_IOCTL, 0)).toBe(-ERRNO.EBADF);
});

test.each([
  [false, "0o4002"],
  [true, "0o2"],
])("calls of a device that is opened with blocking %s: O_NONBLOCK or not", (blocking, flags) => {
  const opened = openDeviceFile(file.path, blocking);
  const [, octal] = /flags:\s*0(\d+)/.exec(
    readFileSync(`/proc/self/fdinfo/${opened.fd}`, "latin1"),
  ) ?? ["", ""];
  const O_NONBLOCK_AND_ACCESS = 0o4003;
  expect(`0o${(Number.parseInt(octal, 8) & O_NONBLOCK_AND_ACCESS).toString(8)}`).toBe(flags);
  opened.close();
});

test("who waits is called when there is something", async () => {
  let calls = 0;
  const called = new Promise<void>((resolve) => {
    void file.whenReadable(() => {
      calls++;
      file.close();
      resolve();
    });
  });
  expect(calls).toBe(0);
  writeFileSync(file.path, "x");
  await called;
  expect(calls).toBe(1);
});
