/** EXTENDED COPY(LID1) and RECEIVE COPY RESULTS, executed by the core (SPC-4). */
import { describe, expect, test } from "vitest";

import { LIST_ID_USAGE, SENSE, STATUS } from "../../src/protocol/scsi/index.ts";
import { SCST_ABORT_TASK } from "../../src/protocol/scst/index.ts";
import { checkCondition } from "../../src/sdk/outcome.ts";
import { senseText } from "../support/bench.ts";
import {
  ask,
  BLOCKS,
  blocksOf,
  copy,
  copyOf,
  cscd,
  DATA_OF,
  DETAILS,
  type Disk,
  listOf,
  type ListValues,
  openDisks,
  outcomeOf,
  PARAMETERS,
  pattern,
  segment,
  SOME,
  STATUS_OF,
} from "../support/copy-disks.ts";

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("copying", () => {
  test("within a logical unit, in READs and WRITEs of up to 512 KiB", async () => {
    const rig = await openDisks({});
    const [disk] = rig.disks as [Disk];
    pattern(disk);
    const expected = blocksOf(disk, 0, 2500);
    const segments = [{ blocks: 2500, source: 0, destination: 5000 }];
    expect(outcomeOf(await rig.a.execute(copy({ segments })))).toBe("GOOD");
    expect(Buffer.compare(blocksOf(disk, 5000, 2500), expected)).toBe(0);
    expect(disk.seen.filter((name) => name.startsWith("READ"))).toEqual([
      "READ 0",
      "READ 1024",
      "READ 2048",
    ]);
    await rig.close();
  });

  test("between logical units, segment by segment", async () => {
    const rig = await openDisks({}, {}, {});
    const [, one, two] = rig.disks as [Disk, Disk, Disk];
    pattern(one);
    const segments = [
      { from: 0, to: 1, blocks: 10, source: 5, destination: 50 },
      { blocks: 0, source: 0, destination: 0 },
      // What the first one wrote.
      { from: 1, to: 0, blocks: 10, source: 50, destination: 200 },
    ];
    expect(outcomeOf(await rig.a.execute(copy({ cscds: [2, 3], segments })))).toBe("GOOD");
    expect(blocksOf(two, 50, 10)).toEqual(blocksOf(one, 5, 10));
    expect(blocksOf(one, 200, 10)).toEqual(blocksOf(one, 5, 10));
    await rig.close();
  });

  test("at most four transfers at once; of overlapping blocks one", async () => {
    const rig = await openDisks({});
    const [disk] = rig.disks as [Disk];
    // The designators are asked for once.
    await rig.a.execute(copy({ segments: [] }));
    disk.hold = true;
    void rig.a.execute(copy({ segments: [{ blocks: 8191, source: 0, destination: 8192 }] }));
    await settled();
    expect(disk.held.map(({ name }) => name)).toEqual(
      [0, 1024, 2048, 3072].map((lba) => `READ ${lba}`),
    );
    void rig.a.execute(copy({ id: 2, segments: [{ blocks: 3000, source: 0, destination: 1 }] }));
    await settled();
    expect(disk.held.slice(4).map(({ name }) => name)).toEqual(["READ 1976"]);
    await rig.close();
  });

  test.each([1, 700, 1500])("overlapping blocks, %i further, both ways", async (distance) => {
    const rig = await openDisks({});
    const [disk] = rig.disks as [Disk];
    pattern(disk);
    const expected = blocksOf(disk, 10, 2500);
    for (const [source, destination] of [
      [10, 10 + distance],
      [10 + distance, 20],
    ] as const) {
      await rig.a.execute(copy({ segments: [{ blocks: 2500, source, destination }] }));
      expect(Buffer.compare(blocksOf(disk, destination, 2500), expected)).toBe(0);
    }
    await rig.close();
  });

  test("between block sizes, counted in either's blocks", async () => {
    const rig = await openDisks({ blockSize: 512 }, { blockSize: 4096 });
    const [small, large] = rig.disks as [Disk, Disk];
    pattern(small);
    const list = listOf({
      cscds: [1, 2],
      segments: [
        { from: 0, to: 1, blocks: 16, source: 8, destination: 3 },
        { from: 0, to: 1, blocks: 2, source: 64, destination: 5, dc: true },
      ],
    });
    list.set(cscd(2, 4096), 16 + 32);
    expect(outcomeOf(await rig.a.execute(copyOf(list)))).toBe("GOOD");
    expect(blocksOf(large, 3, 2)).toEqual(blocksOf(small, 8, 16));
    expect(blocksOf(large, 5, 2)).toEqual(blocksOf(small, 64, 16));
    list.set(segment({ from: 0, to: 1, blocks: 9, source: 0, destination: 0 }), 16 + 64);
    expect(outcomeOf(await rig.a.execute(copyOf(list)))).toBe("A/26/0D");
    await rig.close();
  });

  test("no list and no descriptors are no errors", async () => {
    const rig = await openDisks({});
    expect(outcomeOf(await rig.a.execute(copyOf(new Uint8Array(0))))).toBe("GOOD");
    expect(outcomeOf(await rig.a.execute(copy({ cscds: [], segments: [] })))).toBe("GOOD");
    await rig.close();
  });
});

/** Changes one byte. */
const changed = (list: Uint8Array, at: number, value: number) => list.with(at, value);
const five = [1, 1, 1, 1, 1];
const segmentsOf = (count: number) => Array.from({ length: count }, () => SOME);

describe("a wrong parameter list", () => {
  test.each([
    ["less than a header", new Uint8Array(15), "5/1A/00"],
    ["a CSCD descriptor cut short", listOf({}).subarray(0, 47), "5/1A/00"],
    ["a segment descriptor cut short", listOf({}).subarray(0, 75), "5/1A/00"],
    ["LIST ID USAGE 01b", changed(listOf({}), 1, 0x08), "5/26/00 @1.4"],
    ["a list identifier with LIST ID USAGE 11b", listOf({ usage: 3 }), "5/26/00 @0"],
    ["inline data", changed(listOf({}), 15, 1), "5/26/0B @12"],
    ["inline data unannounced", Uint8Array.from([...listOf({}), 0]), "5/26/0B"],
    ["six CSCD descriptors", listOf({ cscds: [1, ...five] }), "5/26/06 @2"],
    ["too many segment descriptors", listOf({ segments: segmentsOf(257) }), "5/26/08 @8"],
    ["too long", listOf({ cscds: five, segments: segmentsOf(257) }), "5/1A/00"],
    ["another CSCD descriptor", changed(listOf({}), 16, 0xe0), "5/26/07 @16"],
    ["another segment descriptor", changed(listOf({}), 48, 0x03), "5/26/09 @48"],
    ["a designator too long", changed(listOf({}), 16 + 7, 21), "5/26/00 @23"],
    ["a wrong DESCRIPTOR LENGTH", changed(listOf({}), 48 + 3, 23), "5/26/00 @50"],
    ["another block length", listOf({ blockLength: 4096 }), "5/26/00 @45"],
  ])("%s: %#", async (_what, list, expected) => {
    const rig = await openDisks({});
    const { sense } = await rig.a.execute(copyOf(list));
    const [flags = 0, high = 0, low = 0] = sense.subarray(15, 18);
    const bit = (flags & 8) === 0 ? "" : `.${flags & 7}`;
    const pointer = (flags & 0x80) === 0 ? "" : ` @${high * 256 + low}${bit}`;
    expect(senseText(sense) + pointer).toBe(expected);
    expect(rig.disks[0]?.seen).toEqual([]);
    // The list identifier is free.
    expect(outcomeOf(await rig.a.execute(copy({})))).toBe("GOOD");
    await rig.close();
  });
});

describe("a segment that fails", () => {
  test.each<[string, ListValues, string]>([
    ["no such CSCD", { segments: [{ ...SOME, to: 1 }] }, "A/08/04"],
    ["a designator that nobody has", { cscds: [77] }, "A/0D/02"],
    ["a target port's designator", { cscds: [99] }, "A/0D/02"],
    ["a designator that two have", { cscds: [3] }, "A/0D/02"],
    ["beyond the last block", { segments: [{ ...SOME, source: BLOCKS }] }, "A/00/00"],
    ["beyond any LBA", { segments: [{ ...SOME, destination: 2 ** 64 - 2048 }] }, "A/00/00"],
    ["write-protected", { cscds: [2] }, "A/00/00"],
  ])("%s", async (_what, values, expected) => {
    const rig = await openDisks({}, { readOnly: true }, { naa: 3 }, { naa: 3 });
    expect(outcomeOf(await rig.a.execute(copy(values)))).toBe(expected);
    await rig.close();
  });

  test("says which one, and what the device said", async () => {
    const rig = await openDisks({}, {});
    const [, disk] = rig.disks as [Disk, Disk];
    disk.fails = (name) => (name === "WRITE 7" ? checkCondition(SENSE.WRITE_ERROR) : undefined);
    const segments = [SOME, { from: 0, to: 1, blocks: 4, source: 0, destination: 7 }, SOME];
    const { sense } = await rig.a.execute(copy({ cscds: [1, 2], segments }));
    expect(senseText(sense)).toBe("A/00/00");
    // From byte 18 the destination's status and sense data; segment 1.
    expect([...sense.subarray(8, 12)]).toEqual([0, 18, 0, 1]);
    expect(sense[18]).toBe(STATUS.CHECK_CONDITION);
    expect(senseText(sense.subarray(19))).toBe("3/0C/00");
    expect(sense[7]).toBe(sense.length - 8);

    const details = await ask(rig.a, STATUS_OF);
    expect([...details.dataIn]).toEqual([0, 0, 0, 8, 2, 0, 2, 1, 0, 0, 0, 4]);
    const { dataIn } = await ask(rig.a, DETAILS);
    expect(dataIn.length).toBe(60 + sense.length);
    expect([dataIn[3], dataIn[56], dataIn[59]]).toEqual([56 + sense.length, 2, sense.length]);
    expect(dataIn.subarray(60)).toEqual(sense);
    expect(outcomeOf(await ask(rig.a, DETAILS))).toBe("5/24/00");
    await rig.close();
  });

  test("with sense data in descriptor format", async () => {
    const rig = await openDisks({ options: { descriptorSense: true } });
    const segments = [SOME, { ...SOME, from: 3 }];
    const { sense } = await rig.a.execute(copy({ segments }));
    expect(senseText(sense)).toBe("A/08/04");
    // The command-specific information descriptor: segment 1.
    expect([...sense.subarray(8, 20)]).toEqual([1, 10, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    await rig.close();
  });

  test.each([
    // RESERVE(6) by another initiator; type and direction do not matter.
    ["source", { from: 0, to: 1 }, [18, 0, 0, 0]],
    ["destination", { from: 1, to: 0 }, [0, 18, 0, 0]],
  ] as const)("a %s that another initiator has reserved", async (_side, ways, pointers) => {
    const rig = await openDisks({}, {}, {});
    const b = await rig.connect("b");
    await b.execute({ cdb: [0x16, 0, 0, 0, 0, 0], lun: 1 });
    const values = { cscds: [2, 3], segments: [{ ...SOME, ...ways }] };
    const { sense } = await rig.a.execute(copy(values));
    expect(senseText(sense)).toBe("A/0D/01");
    expect([...sense.subarray(8, 12), sense[18]]).toEqual([...pointers, 0x18]);
    expect(outcomeOf(await rig.a.execute(copy(values, 1)))).toBe("status 18");
    await rig.close();
  });
});

describe("RECEIVE COPY RESULTS", () => {
  test("operating parameters", async () => {
    const rig = await openDisks({});
    const { dataIn } = await ask(rig.a, PARAMETERS);
    expect([...dataIn.subarray(0, 8)]).toEqual([0, 0, 0, 42, 1, 0, 0, 0]);
    expect([...dataIn.subarray(8, 16)]).toEqual([0, 5, 1, 0, 0, 0, 0x1c, 0xa0]);
    expect([...dataIn.subarray(36)]).toEqual([32, 9, 0, 0, 0, 0, 0, 2, 0x02, 0xe4]);
    expect((await ask(rig.a, PARAMETERS, 0, 8)).dataIn.length).toBe(8);
    await rig.close();
  });

  test("while the copy runs, then until it has been read", async () => {
    const rig = await openDisks({});
    const [disk] = rig.disks as [Disk];
    await rig.a.execute(copy({ segments: [] }));
    disk.hold = true;
    const running = rig.a.execute(copy({ id: 5, segments: [{ ...SOME, blocks: 2048 }] }));
    await settled();
    const inProgress = await ask(rig.a, STATUS_OF, 5);
    expect([...inProgress.dataIn]).toEqual([0, 0, 0, 8, 0, 0, 1, 1, 0, 0, 0, 0]);
    expect(outcomeOf(await ask(rig.a, DETAILS, 5))).toBe("5/24/00");
    expect(outcomeOf(await rig.a.execute(copy({ id: 5 })))).toBe("5/00/16");
    disk.hold = false;
    for (const { go } of disk.held.splice(0)) go();
    expect(outcomeOf(await running)).toBe("GOOD");
    expect([...(await ask(rig.a, DATA_OF, 5)).dataIn]).toEqual([0, 0, 0, 0]);
    expect([...(await ask(rig.a, STATUS_OF, 5)).dataIn]).toEqual([
      0, 0, 0, 8, 1, 0, 1, 1, 0, 0, 4, 0,
    ]);
    expect(outcomeOf(await ask(rig.a, STATUS_OF, 5))).toBe("5/24/00");
    await rig.close();
  });

  test.each<[string, number, number, string]>([
    ["held for five seconds", LIST_ID_USAGE.HOLD, 4999, "GOOD"],
    ["and no longer", LIST_ID_USAGE.HOLD, 5000, "5/24/00"],
    ["not held if not wanted", LIST_ID_USAGE.DISCARD, 0, "5/24/00"],
  ])("%s", async (_what, usage, milliseconds, expected) => {
    const rig = await openDisks({});
    await rig.a.execute(copy({ usage }));
    rig.clock.advance(milliseconds);
    const b = await rig.connect("b");
    expect(outcomeOf(await ask(b, STATUS_OF))).toBe("5/24/00");
    expect(outcomeOf(await ask(rig.a, STATUS_OF))).toBe(expected);
    await rig.close();
  });

  test("other service actions", async () => {
    const rig = await openDisks({});
    expect(outcomeOf(await ask(rig.a, 5))).toBe("5/24/00");
    const { cdb } = copy({});
    cdb[1] = 1;
    expect(outcomeOf(await rig.a.execute({ ...copy({}), cdb }))).toBe("5/24/00");
    await rig.close();
  });
});

describe("a copy that ends early", () => {
  /** Two transfers are held, two are waiting. */
  async function openRunning() {
    const rig = await openDisks({});
    const [disk] = rig.disks as [Disk];
    await rig.a.execute(copy({ segments: [] }));
    disk.hold = true;
    const segments = [{ blocks: 4000, source: 0, destination: 4000 }, SOME];
    const result = rig.a.execute({ ...copy({ segments }), tag: 77 });
    await settled();
    const letGo = async () => {
      for (const { go } of disk.held.splice(0)) go();
      await settled();
    };
    return { ...rig, disk, result, letGo };
  }

  test("aborted: what runs is waited for, nothing new is begun", async () => {
    const rig = await openRunning();
    const aborting = rig.a.taskManagement({ function: SCST_ABORT_TASK, tag: 77 });
    await rig.letGo();
    expect((await rig.result).aborted).toBe(true);
    expect(await aborting).toBe(0);
    expect(rig.disk.seen.every((name) => name.startsWith("READ"))).toBe(true);
    rig.disk.hold = false;
    expect(outcomeOf(await ask(rig.a, STATUS_OF))).toBe("5/24/00");
    expect(outcomeOf(await rig.a.execute(copy({})))).toBe("GOOD");
    await rig.close();
  });

  test("the session closes", async () => {
    const rig = await openRunning();
    const closing = rig.a.close();
    await rig.letGo();
    await closing;
    expect(rig.disk.seen.every((name) => name.startsWith("READ"))).toBe(true);
    expect(rig.core.devices.get("disk0")?.nexuses.size).toBe(0);
    await rig.close();
  });

  test("the LUN goes away", async () => {
    const rig = await openRunning();
    rig.target.removeLun(0);
    await rig.letGo();
    expect(outcomeOf(await rig.result)).toBe("A/0D/02");
    await rig.close();
  });

  test("a failure lets what runs end, and begins nothing", async () => {
    const rig = await openRunning();
    rig.disk.fails = (name) =>
      name === "READ 0" ? checkCondition(SENSE.UNRECOVERED_READ_ERROR) : undefined;
    await rig.letGo();
    await rig.letGo();
    expect(outcomeOf(await rig.result)).toBe("A/00/00");
    expect(rig.disk.seen.includes("READ 3072")).toBe(true);
    expect(rig.disk.seen.includes(`READ ${SOME.source + 4000}`)).toBe(false);
    await rig.close();
  });
});
