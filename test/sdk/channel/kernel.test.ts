/** The kernel channel and the SDK's loop over a device that does what a test tells it to. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ERRNO, errnoName } from "../../../src/protocol/errno.ts";
import { STATUS } from "../../../src/protocol/scsi/index.ts";
import {
  SCST_USER_DEVICE_CAPACITY_CHANGED,
  SCST_USER_FLUSH_CACHE,
  SCST_USER_ON_FREE_CMD,
  SCST_USER_PREALLOC_BUFFER,
  SCST_USER_REGISTER_DEVICE,
  SCST_USER_REPLY_AND_GET_MULTI,
  ScstUserDevDesc,
  ScstUserPreallocBuffer,
} from "../../../src/protocol/scst/index.ts";
import { kernelChannel, KernelChannel, refusalToOpen } from "../../../src/sdk/channel/kernel.ts";
import { good, registerDevice } from "../../../src/sdk/index.ts";
import { senseText } from "../../support/bench.ts";
import { handlerOf } from "../../support/device.ts";
import { FakeScstUser } from "../../support/fake-scst-user.ts";
import {
  attach,
  exec,
  handles,
  message,
  read,
  registered,
  statuses,
} from "../../support/kernel-device.ts";

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("what opening refuses", () => {
  test("a device that is not there", () => {
    const path = "/dev/there-is-no-scst_user";
    const open = () => kernelChannel({ path, version: "3.8.0" });
    expect(open).toThrow(expect.objectContaining({ name: "SystemError", code: "ENOENT" }));
    expect(open).toThrow(`opening ${path}: ENOENT, SCST's module is not loaded: modprobe`);
  });

  test.each([
    ["ENXIO", "modprobe scst_user"],
    ["ENODEV", "modprobe scst_user"],
    ["EACCES", "it is for root alone"],
    ["EPERM", "it is for root alone"],
  ] as const)("%s", (code, advice) => {
    const cause = Object.assign(new Error(code), { code, errno: -ERRNO[code] });
    const error = refusalToOpen("/dev/scst_user", cause);
    expect(error).toMatchObject({ code, errno: ERRNO[code], cause });
    expect(error.message).toContain(advice);
  });

  test.each([-1, 0.5, 10_001, Number.NaN])("to stay awake for %d µs", (awakeTimeUsMax) => {
    expect(() => kernelChannel({ awakeTimeUsMax })).toThrow(
      expect.objectContaining({ name: "UsageError", code: "AWAKE_TIME" }),
    );
  });

  test("no version is known", () => {
    const before = process.env["SCST_USER_VERSION"];
    process.env["SCST_USER_VERSION"] = "a b";
    try {
      expect(() => kernelChannel()).toThrow(expect.objectContaining({ code: "INTERFACE_VERSION" }));
    } finally {
      if (before === undefined) delete process.env["SCST_USER_VERSION"];
      else process.env["SCST_USER_VERSION"] = before;
    }
  });
});

describe("what registration refuses", () => {
  test.each([
    [ERRNO.EPERM, /EPERM, it does not accept the licence/],
    [ERRNO.EEXIST, /EEXIST, there is a device of that name already/],
    [ERRNO.ENOMEM, /ENOMEM, there is a device or a buffer pool of that name already/],
    [ERRNO.ENOENT, /ENOENT, .*mkdir -p \/var\/lib\/scst\/pr/],
    [ERRNO.EINVAL, /EINVAL, .*versions sent were 3\.8\.0a \(from a test\), 3\.8\.0b .*dmesg/],
    [ERRNO.EIO, /EIO, the device's saved reservations can't be read/],
    [ERRNO.EFAULT, /EFAULT$/],
  ])("errno %i", async (errno, text) => {
    const fake = new FakeScstUser();
    fake.answer = (request) => (request === SCST_USER_REGISTER_DEVICE ? -errno : undefined);
    const channel = fake.channel(["3.8.0a", "3.8.0b"]);
    const attempt = registerDevice(channel, "disk1", handlerOf());
    await expect(attempt).rejects.toThrow(text);
    await expect(attempt).rejects.toMatchObject({ code: errnoName(errno), errno });
  });

  test("the next version is tried where one is refused, strings in 128 bytes of their own", async () => {
    const fake = new FakeScstUser();
    const tried: string[] = [];
    fake.answer = (request, argument) => {
      if (request !== SCST_USER_REGISTER_DEVICE) return undefined;
      const view = ScstUserDevDesc.view(fake.bytesAt(argument, ScstUserDevDesc.size));
      const text = Buffer.from(fake.bytesAt(view.versionStr, 128)).toString("latin1");
      const licence = Buffer.from(fake.bytesAt(view.licenseStr, 128)).toString("latin1");
      tried.push(`${text.replaceAll("\0", "")} ${licence.replaceAll("\0", "")} ${view.name}`);
      return tried.length === 1 ? -ERRNO.EINVAL : 0;
    };
    await registerDevice(fake.channel(["3.9.0-longer", "3.8.0"]), "disk1", handlerOf());
    expect(tried).toEqual(["3.9.0-longer GPL v2 disk1", "3.8.0 GPL v2 disk1"]);
  });
});

describe("replies that the kernel refuses", () => {
  test("the others of the batch go without it", async () => {
    const { fake, reports } = await registered();
    fake.refused.set(3, ERRNO.ESRCH);
    fake.refused.set(5, ERRNO.EINVAL);
    fake.post(exec(2), exec(3), exec(4), exec(5), exec(6));
    expect(handles(fake)).toEqual([2, 4, 6]);
    expect(reports).toEqual([
      "REPLY_REJECTED: the core refused the reply to command 3: ESRCH",
      "REPLY_REJECTED: the core refused the reply to command 5: EINVAL",
    ]);
  });

  test("the first and the last one", async () => {
    const { fake } = await registered();
    fake.refused.set(2, ERRNO.ESRCH);
    fake.refused.set(4, ERRNO.ESRCH);
    fake.post(exec(2), exec(3), exec(4));
    expect(handles(fake)).toEqual([3]);
    expect(fake.waiting).toBe(0);
  });

  test("a buffer that went with a command that is gone serves the next one", async () => {
    const { fake } = await registered();
    fake.refused.set(2, ERRNO.ESRCH);
    fake.post(read(2));
    fake.post(read(3));
    const mapped = fake.arena.mappedLength;
    for (let cmdH = 4; cmdH < 2000; cmdH++) {
      fake.refused.set(cmdH, ERRNO.ESRCH);
      fake.post(read(cmdH));
    }
    expect(fake.arena.mappedLength).toBe(mapped);
  });

  test("an answer to ATTACH_SESS that came too late: the session is gone for the handler too", async () => {
    const events: string[] = [];
    const { fake } = await registered({
      attachSession: ({ handle }) => void events.push(`attach ${handle}`),
      detachSession: ({ handle }) => void events.push(`detach ${handle}`),
    });
    fake.refused.set(2, ERRNO.ESRCH);
    fake.post(attach(2, 5n));
    expect(events).toEqual(["attach 4660", "attach 5", "detach 5"]);
  });
});

describe("errors of getting", () => {
  test("subcommands that came before one are carried out", async () => {
    const { fake, reports } = await registered();
    fake.getError = { after: 2, errno: ERRNO.EINTR };
    fake.post(exec(2), exec(3));
    expect(handles(fake)).toEqual([2, 3]);
    expect(reports).toEqual([]);
  });

  test.each(["EAGAIN", "EINTR"] as const)("%s is none", async (name) => {
    const { fake, reports } = await registered();
    fake.getError = { after: 0, errno: ERRNO[name] };
    fake.post(exec(2));
    expect([handles(fake), reports, fake.closes]).toEqual([[], [], 0]);
    fake.getError = undefined;
    fake.post(exec(3));
    expect(handles(fake)).toEqual([2, 3]);
  });

  test.each(["EFAULT", "ENODEV"] as const)("%s closes the device", async (name) => {
    const { fake, reports } = await registered();
    fake.getError = { after: 0, errno: ERRNO[name] };
    fake.post(exec(2));
    expect(reports).toEqual(["CHANNEL: the channel to the core failed; the device is closed"]);
    expect(fake.closes).toBe(1);
  });

  test("a call that failed before it did anything leaves no subcommands of the last one", async () => {
    const { fake, device } = await registered();
    fake.post(exec(2), exec(3));
    let calls = 0;
    fake.answer = (request) => {
      if (request === SCST_USER_REPLY_AND_GET_MULTI) calls++;
      return -ERRNO.EFAULT;
    };
    fake.post(exec(4));
    expect([calls, device.statistics.commands]).toEqual([1, 2]);
  });
});

describe("the handler", () => {
  test("an exception is sense", async () => {
    const { fake } = await registered({
      exec: () => {
        throw new Error("a bug");
      },
    });
    fake.post(exec(2));
    expect([statuses(fake), senseText(fake.taken[0]!.sense)]).toEqual([[2], "4/44/00"]);
  });

  test("one that hangs does not hold up the others", async () => {
    const { fake } = await registered({
      exec: ({ cdb }) => (cdb[0] === 0 ? new Promise(() => undefined) : good),
    });
    fake.post(
      exec(2),
      exec(3, ({ cdb }) => (cdb[0] = 0x1e)),
    );
    fake.post(exec(4, ({ cdb }) => (cdb[0] = 0x1e)));
    expect(handles(fake)).toEqual([3, 4]);
  });

  test("the reply to ON_FREE_CMD goes before that of who gets its buffer next", async () => {
    const { fake } = await registered({ options: { memoryReuse: "none" } });
    fake.post(read(2));
    const { pbuf } = fake.taken[0]!.reply.execReply;
    const freed = message(2, SCST_USER_ON_FREE_CMD, ({ onFreeCmd }) => (onFreeCmd.pbuf = pbuf));
    fake.post(freed, read(3));
    expect(handles(fake)).toEqual([2, 2, 3]);
    expect(fake.taken[2]!.reply.execReply.pbuf).toBe(pbuf);
  });
});

describe("what is asked of the kernel", () => {
  test("a new capacity, and the cache flushed: aside, so that commands go on", async () => {
    const { fake, device } = await registered();
    await device.capacityChanged();
    await device.flushCache();
    const [last, other] = fake.requests.slice(-2);
    expect([last, other]).toEqual([SCST_USER_DEVICE_CAPACITY_CHANGED, SCST_USER_FLUSH_CACHE]);
  });

  test("EBUSY of a flush is told", async () => {
    const { fake, device } = await registered();
    fake.answer = (request) => (request === SCST_USER_FLUSH_CACHE ? -ERRNO.EBUSY : undefined);
    await expect(device.flushCache()).rejects.toMatchObject({ code: "EBUSY" });
  });

  test("buffers are kept ready, each a power of two of pages", async () => {
    const { fake, device } = await registered();
    const given: number[] = [];
    fake.answer = (request, argument) => {
      if (request !== SCST_USER_PREALLOC_BUFFER) return undefined;
      const bytes = fake.bytesAt(argument, ScstUserPreallocBuffer.size);
      const view = ScstUserPreallocBuffer.view(bytes);
      given.push(view.in.pbuf % 4096, view.in.bufflen);
      return 0;
    };
    device.preallocateBuffers(2, 65_536);
    device.preallocateBuffers(1, 20_000);
    expect(given).toEqual([0, 65_536, 0, 65_536, 0, 32_768]);
  });

  test("buffers that are not kept can't be kept ready", async () => {
    const { device } = await registered({ options: { memoryReuse: "none" } });
    expect(() => device.preallocateBuffers(1, 4096)).toThrow(
      expect.objectContaining({ code: "MEMORY_REUSE" }),
    );
    // Nothing is wrong with none of them.
    expect(() => device.preallocateBuffers(0, 4096)).not.toThrow();
  });
});

describe("the end", () => {
  test("what the handler has is answered, what comes meanwhile gets BUSY", async () => {
    let finish: (outcome: typeof good) => void = () => undefined;
    const { fake, device } = await registered({
      exec: () => new Promise((resolve) => (finish = resolve)),
    });
    fake.post(exec(2));
    const drained = device.drain();
    fake.post(exec(3));
    expect([handles(fake), statuses(fake)]).toEqual([[3], [STATUS.BUSY]]);
    finish(good);
    await drained;
    await device.close();
    expect([handles(fake), statuses(fake)]).toEqual([
      [3, 2],
      [STATUS.BUSY, STATUS.GOOD],
    ]);
    expect(fake.closes).toBe(1);
  });

  test("what ends after the device is closed is answered to nobody", async () => {
    let finish: (outcome: typeof good) => void = () => undefined;
    const { fake, device, reports } = await registered({
      exec: () => new Promise((resolve) => (finish = resolve)),
    });
    fake.post(exec(2));
    const closed = device.close();
    await settled();
    finish(good);
    await closed;
    expect([handles(fake), reports]).toEqual([[], []]);
  });

  test("it is over when SCST has let go of the name and of its buffers' pools", async () => {
    const root = mkdtempSync(join(tmpdir(), "scst-user-gone-"));
    for (const folder of ["devices", "sgv"])
      mkdirSync(join(root, folder, "disk1"), { recursive: true });
    const sleeps: string[] = [];
    const sleep = () => {
      const folder = sleeps.length === 0 ? "devices" : "sgv";
      sleeps.push(folder);
      rmSync(join(root, folder, "disk1"), { recursive: true, force: true });
      return Promise.resolve();
    };
    const fake = new FakeScstUser();
    await new KernelChannel(fake, [], fake.arena, 0, { root, sleep }).close("disk1");
    expect(sleeps).toEqual(["devices", "sgv"]);
    rmSync(root, { recursive: true });
  });

  test("and an error where SCST keeps it", async () => {
    const root = mkdtempSync(join(tmpdir(), "scst-user-gone-"));
    mkdirSync(join(root, "devices/disk1"), { recursive: true });
    const fake = new FakeScstUser();
    const sleep = () => Promise.resolve();
    const channel = new KernelChannel(fake, [], fake.arena, 0, { root, sleep });
    await expect(channel.close("disk1")).rejects.toMatchObject({ code: "ETIMEDOUT" });
    rmSync(root, { recursive: true });
  });
});
