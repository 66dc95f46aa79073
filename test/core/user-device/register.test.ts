import { describe, expect, test } from "vitest";
import { createCore } from "../../../src/core/index.ts";
import {
  LOOPBACK_VERSION,
  SCST_USER_DEVICE_CAPACITY_CHANGED,
  SCST_USER_FLUSH_CACHE,
  SCST_USER_GET_EXTENDED_CDB,
  SCST_USER_GET_OPTIONS,
  SCST_USER_PREALLOC_BUFFER,
  SCST_USER_REGISTER_DEVICE,
  SCST_USER_REPLY_AND_GET_CMD,
  SCST_USER_REPLY_AND_GET_MULTI,
  SCST_USER_REPLY_CMD,
  SCST_USER_SET_OPTIONS,
  SCST_USER_UNREGISTER_DEVICE,
  ScstUserDevDesc,
  ScstUserOpt,
} from "../../../src/protocol/scst/index.ts";
import { DEVICE_TYPE } from "../../../src/protocol/scsi/index.ts";
import { Bench, errnoOf, registerDisk } from "../../support/bench.ts";
import { read10 } from "../../support/cdbs.ts";
import { RawProgram, STRINGS_LENGTH } from "../../support/raw-program.ts";

type DevDesc = ReturnType<typeof ScstUserDevDesc.view>;

/** An address that nobody has. */
const NOWHERE = 0x6666_0000_0000;

function program(): RawProgram {
  return new RawProgram(createCore());
}

/** REGISTER of a good disk that `change` spoils; `prepare` comes before. */
function register(change: (description: DevDesc, owner: RawProgram) => unknown): string {
  const owner = program();
  const result = owner.register((description) => {
    description.type = DEVICE_TYPE.DISK;
    description.blockSize = 512;
    description.name = "disk";
    change(description, owner);
  });
  return errnoOf(result);
}

/** `text` and NULs at an address of its own, with `room` bytes that can be read. */
function string(owner: RawProgram, text: string, room = STRINGS_LENGTH): number {
  const block = owner.allocate(4 * 1024 * 1024);
  const start = block.bytes.length - room;
  block.bytes.set(Buffer.from(text, "latin1").subarray(0, room), start);
  return block.address + start;
}

describe("REGISTER_DEVICE", () => {
  test.each([
    ["a disk", () => undefined, "0"],
    ["an argument that is nowhere", undefined, "EFAULT"],
    ["GPL", (d: DevDesc, o: RawProgram) => (d.licenseStr = string(o, "GPL")), "0"],
    ["GPL v2", (d: DevDesc, o: RawProgram) => (d.licenseStr = string(o, "GPL v2")), "0"],
    [
      "Dual MIT/GPL",
      (d: DevDesc, o: RawProgram) => (d.licenseStr = string(o, "Dual MIT/GPL")),
      "0",
    ],
    [
      "Dual BSD/GPL",
      (d: DevDesc, o: RawProgram) => (d.licenseStr = string(o, "Dual BSD/GPL")),
      "0",
    ],
    [
      "Dual MPL/GPL",
      (d: DevDesc, o: RawProgram) => (d.licenseStr = string(o, "Dual MPL/GPL")),
      "0",
    ],
    ["another licence", (d: DevDesc, o: RawProgram) => (d.licenseStr = string(o, "MIT")), "EPERM"],
    ["no licence", (d: DevDesc) => (d.licenseStr = 0), "EFAULT"],
    [
      "a licence with too few bytes behind it",
      (d: DevDesc, o: RawProgram) => (d.licenseStr = string(o, "GPL", STRINGS_LENGTH - 1)),
      "EFAULT",
    ],
    [
      "another version",
      (d: DevDesc, o: RawProgram) => (d.versionStr = string(o, `${LOOPBACK_VERSION.slice(1)}0`)),
      "EINVAL",
    ],
    ["no version", (d: DevDesc) => (d.versionStr = NOWHERE), "EFAULT"],
    [
      "the licence is looked at before the version",
      (d: DevDesc, o: RawProgram) => {
        d.licenseStr = string(o, "MIT");
        d.versionStr = string(o, "old");
      },
      "EPERM",
    ],
    ["a disk without blocks", (d: DevDesc) => (d.blockSize = 0), "EINVAL"],
    ["a disk with small blocks", (d: DevDesc) => (d.blockSize = 511), "EINVAL"],
    ["a disk with odd blocks", (d: DevDesc) => (d.blockSize = 520), "0"],
    [
      "a tape without blocks",
      (d: DevDesc) => {
        d.type = DEVICE_TYPE.TAPE;
        d.blockSize = 0;
      },
      "0",
    ],
    [
      "a CD-ROM without blocks",
      (d: DevDesc) => {
        d.type = DEVICE_TYPE.CDROM;
        d.blockSize = 0;
      },
      "EINVAL",
    ],
    ["no name", (d: DevDesc) => (d.name = ""), "EINVAL"],
    ["a name with a slash", (d: DevDesc) => (d.name = "a/b"), "EINVAL"],
    ["a name with a dot", (d: DevDesc) => (d.name = "a.b"), "EINVAL"],
    ["a wrong option", (d: DevDesc) => (d.opt.parseType = 3), "EINVAL"],
    [
      "the block size is looked at before the options",
      (d: DevDesc) => (d.opt.parseType = 3),
      "EINVAL",
    ],
  ])("%s: %s", (_title, change, expected) => {
    if (change === undefined) {
      expect(errnoOf(program().ioctl(SCST_USER_REGISTER_DEVICE, NOWHERE))).toBe(expected);
    } else {
      expect(register(change)).toBe(expected);
    }
  });

  test.each([
    ["the default buffer cache has the same name", "", 0, "ENOMEM"],
    ["the buffer cache has the same name", "disk", 0, "ENOMEM"],
    ["the buffer cache has another name", "pool", 0, "EEXIST"],
    ["an option is wrong, too", "pool", 9, "EINVAL"],
  ])("a name that is taken, %s: %s", (_title, sgvName, parseType, expected) => {
    const core = createCore();
    expect(registerDisk(new RawProgram(core))).toBe(0);
    const second = new RawProgram(core).register((description) => {
      description.blockSize = 512;
      description.name = "disk";
      description.sgvName = sgvName;
      description.opt.parseType = parseType;
    });
    expect(errnoOf(second)).toBe(expected);
  });

  test.each([
    ["under another name", "other", "EINVAL"],
    ["under the same", "disk", "ENOMEM"],
  ])("twice by the same descriptor, %s: %s", (_title, name, expected) => {
    const owner = program();
    expect(registerDisk(owner)).toBe(0);
    expect(errnoOf(registerDisk(owner, { name }))).toBe(expected);
  });

  test("a name that fills its field is cut to 48 characters", () => {
    const core = createCore();
    const owner = new RawProgram(core);
    owner.register((description) => {
      description.blockSize = 512;
      description.bytes.fill(0x78, ScstUserDevDesc.offsetOf("name"));
    });
    expect([...core.devices.keys()]).toEqual(["x".repeat(48)]);
  });

  test("blocks that are no power of two count as the next smaller one", () => {
    const [bench, initiator] = Bench.ready({ blockSize: 1000 });
    initiator.send({ cdb: read10(0, 2), dataInLength: 2000 });
    expect(bench.program.expectGet().execCmd.bufflen).toBe(1024);
  });
});

describe("the other ioctls", () => {
  const ALL = [
    ["GET_OPTIONS", SCST_USER_GET_OPTIONS],
    ["SET_OPTIONS", SCST_USER_SET_OPTIONS],
    ["REPLY_AND_GET_CMD", SCST_USER_REPLY_AND_GET_CMD],
    ["REPLY_AND_GET_MULTI", SCST_USER_REPLY_AND_GET_MULTI],
    ["REPLY_CMD", SCST_USER_REPLY_CMD],
    ["GET_EXTENDED_CDB", SCST_USER_GET_EXTENDED_CDB],
    ["PREALLOC_BUFFER", SCST_USER_PREALLOC_BUFFER],
    ["FLUSH_CACHE", SCST_USER_FLUSH_CACHE],
    ["DEVICE_CAPACITY_CHANGED", SCST_USER_DEVICE_CAPACITY_CHANGED],
    ["UNREGISTER_DEVICE", SCST_USER_UNREGISTER_DEVICE],
  ] as const;

  test.each(ALL)("%s before REGISTER_DEVICE: ENODEV", (_name, request) => {
    expect(errnoOf(program().ioctlWith(request, new Uint8Array(600)))).toBe("ENODEV");
  });

  test("SET_OPTIONS reads its argument before it looks for a device", () => {
    expect(errnoOf(program().ioctl(SCST_USER_SET_OPTIONS, NOWHERE))).toBe("EFAULT");
  });

  test.each(ALL.slice(0, 7))("%s with an argument that is nowhere: EFAULT", (_name, request) => {
    const { program: owner } = Bench.withDisk();
    expect(errnoOf(owner.ioctl(request, NOWHERE))).toBe("EFAULT");
  });

  test.each([
    ["before REGISTER_DEVICE", () => program()],
    ["after it", () => Bench.withDisk().program],
  ])("an unknown one, %s: EINVAL", (_title, make) => {
    expect(errnoOf(make().ioctl(0x7563, 0))).toBe("EINVAL");
  });

  test("UNREGISTER_DEVICE does nothing: the device goes with its descriptor", () => {
    const { program: owner, core } = Bench.withDisk();
    expect(owner.ioctl(SCST_USER_UNREGISTER_DEVICE)).toBe(0);
    expect(core.devices.size).toBe(1);
    owner.device.close();
    expect(core.devices.size).toBe(0);
  });

  test.each(ALL)("%s after close(2): EBADF", (_name, request) => {
    const { program: owner } = Bench.withDisk();
    owner.device.close();
    expect(errnoOf(owner.ioctl(request))).toBe("EBADF");
  });

  test("a closed device's name is free", () => {
    const core = createCore();
    const first = new RawProgram(core);
    registerDisk(first);
    first.device.close();
    expect(registerDisk(new RawProgram(core))).toBe(0);
  });
});

describe("options", () => {
  const names = ScstUserOpt.fields.map(({ name }) => name);
  const GOOD = {
    parseType: 2,
    onFreeCmdType: 0,
    memoryReuseType: 1,
    partialTransfersType: 2,
    partialLen: 77,
    tst: 1,
    tmfOnly: 1,
    queueAlg: 1,
    qerr: 3,
    tas: 1,
    swp: 1,
    dSense: 1,
    hasOwnOrderMgmt: 1,
    extCopyRemapSupported: 1,
  };

  function get(owner: RawProgram): Record<string, number> {
    const bytes = new Uint8Array(ScstUserOpt.size);
    expect(owner.ioctlWith(SCST_USER_GET_OPTIONS, bytes)).toBe(0);
    const view = ScstUserOpt.view(bytes) as unknown as Record<string, number>;
    return Object.fromEntries(names.map((name) => [name, view[name] as number]));
  }

  const set = (owner: RawProgram, values: Readonly<Record<string, number>>) =>
    errnoOf(owner.ioctlWith(SCST_USER_SET_OPTIONS, ScstUserOpt.encode(values)));

  test("are what REGISTER_DEVICE said", () => {
    expect(get(Bench.withDisk({ opt: GOOD }).program)).toEqual(GOOD);
  });

  test("are what SET_OPTIONS said", () => {
    const { program: owner } = Bench.withDisk({ opt: {} });
    expect(set(owner, GOOD)).toBe("0");
    expect(get(owner)).toEqual(GOOD);
  });

  test.each([
    ["parseType", 3],
    ["onFreeCmdType", 2],
    ["memoryReuseType", 4],
    ["partialTransfersType", 3],
    ["tst", 2],
    ["tmfOnly", 2],
    ["queueAlg", 2],
    ["qerr", 2],
    ["qerr", 4],
    ["tas", 2],
    ["swp", 2],
    ["dSense", 2],
    ["hasOwnOrderMgmt", 2],
    ["extCopyRemapSupported", 2],
  ])("%s %i is EINVAL, and nothing changes", (name, value) => {
    const { program: owner } = Bench.withDisk({ opt: GOOD });
    expect(set(owner, { ...GOOD, [name]: value })).toBe("EINVAL");
    expect(get(owner)).toEqual(GOOD);
  });

  test("TST does not change under sessions", () => {
    const bench = Bench.withDisk({ opt: { ...GOOD, tst: 0 } });
    bench.connect();
    expect(set(bench.program, { ...GOOD, tst: 1 })).toBe("EINVAL");
    expect(set(bench.program, { ...GOOD, tst: 0, swp: 0 })).toBe("0");
  });
});
