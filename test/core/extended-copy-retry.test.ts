/** EXTENDED COPY: devices that are busy, and commands that must not run beside it. */
import { describe, expect, test } from "vitest";

import { SENSE } from "../../src/protocol/scsi/index.ts";
import { SCST_ABORT_TASK } from "../../src/protocol/scst/index.ts";
import { busy, checkCondition, type Outcome, taskSetFull } from "../../src/sdk/outcome.ts";
import type { LocalInitiator } from "../../src/targets/local/index.ts";
import { blocksOf, copy, type Disk, openDisks, outcomeOf, pattern } from "../support/copy-disks.ts";

const SEGMENTS = [{ from: 0, to: 1, blocks: 8, source: 0, destination: 100 }];
const VALUES = { cscds: [1, 2], segments: SEGMENTS };

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Two disks and a copy from one to the other. */
async function open() {
  const rig = await openDisks({}, {});
  const [source, destination] = rig.disks as [Disk, Disk];
  pattern(source);
  return { rig, source, destination };
}

const UNIT_ATTENTION = checkCondition(SENSE.NOT_READY_TO_READY_CHANGE);

describe("a device that does not take a READ or WRITE", () => {
  /** In how many milliseconds it is asked again for the first time; then each second. */
  const rows: readonly [string, Outcome, number][] = [
    ["BUSY", busy, 1000],
    ["TASK SET FULL", taskSetFull, 1000],
    ["a unit attention", UNIT_ATTENTION, 0],
  ];
  const sides = ["READ 0", "WRITE 100"] as const;

  test.each(rows.flatMap((row) => sides.map((side) => [row[0], side, row[1], row[2]] as const)))(
    "%s for %s: it is asked again",
    async (_what, name, refusal, delayMs) => {
      const { rig, source, destination } = await open();
      let left = 3;
      const fails = (each: string) => (each === name && left-- > 0 ? refusal : undefined);
      source.fails = fails;
      destination.fails = fails;
      const copying = rig.a.execute(copy(VALUES));
      for (let i = 0; i < 3; i++) {
        await settled();
        expect(left).toBe(2 - i);
        rig.clock.advance(i === 0 ? delayMs : 1000);
      }
      expect(outcomeOf(await copying)).toBe("GOOD");
      expect(blocksOf(destination, 100, 8)).toEqual(blocksOf(source, 0, 8));
      await rig.close();
    },
  );

  test.each(rows)("%s for more than 30 s is a failure", async (_what, refusal, delayMs) => {
    const { rig, destination } = await open();
    destination.fails = () => refusal;
    const copying = rig.a.execute(copy(VALUES));
    await settled();
    rig.clock.advance(29_000 + delayMs);
    await settled();
    expect(destination.seen).toHaveLength(31);
    rig.clock.advance(1000);
    expect(outcomeOf(await copying)).toMatch(/^A\//);
    await rig.close();
  });

  test("is not asked again when it fails for another reason", async () => {
    const { rig, destination } = await open();
    destination.fails = () => checkCondition(SENSE.WRITE_ERROR);
    expect(outcomeOf(await rig.a.execute(copy(VALUES)))).toBe("A/00/00");
    expect(destination.seen).toEqual(["WRITE 100"]);
    await rig.close();
  });

  test("is not asked again for a copy that was aborted", async () => {
    const { rig, destination } = await open();
    destination.fails = () => busy;
    const copying = rig.a.execute({ ...copy(VALUES), tag: 9 });
    await settled();
    const aborting = rig.a.taskManagement({ function: SCST_ABORT_TASK, tag: 9 });
    rig.clock.advance(1000);
    expect(await aborting).toBe(0);
    expect((await copying).aborted).toBe(true);
    expect(destination.seen).toEqual(["WRITE 100"]);
    await rig.close();
  });
});

/** COMPARE AND WRITE of one block that is all zeros. */
function compareAndWrite(initiator: LocalInitiator, lun: number, lba: number) {
  const cdb = [0x89, 0, 0, 0, 0, 0, 0, 0, lba >> 8, lba & 0xff, 0, 0, 0, 1, 0, 0];
  return initiator.execute({ cdb, lun, dataOut: new Uint8Array(1024).fill(0xee, 512) });
}

describe("COMPARE AND WRITE at the destination", () => {
  test("has the copy's WRITE wait", async () => {
    const { rig, source, destination } = await open();
    // The designators are read.
    await rig.a.execute(copy({ ...VALUES, segments: [] }));
    const b = await rig.connect("b");
    destination.hold = true;
    const comparing = compareAndWrite(b, 1, 104);
    expect(destination.held.map(({ name }) => name)).toEqual(["READ 104"]);
    const copying = rig.a.execute(copy(VALUES));
    await settled();
    expect(source.seen).toEqual(["READ 0"]);
    expect(destination.seen).toEqual(["READ 104"]);
    destination.held.shift()!.go();
    await settled();
    expect(destination.seen).toEqual(["READ 104", "WRITE 104"]);
    destination.hold = false;
    destination.held.shift()!.go();
    expect(outcomeOf(await comparing)).toBe("GOOD");
    expect(outcomeOf(await copying)).toBe("GOOD");
    expect(blocksOf(destination, 100, 8)).toEqual(blocksOf(source, 0, 8));
    await rig.close();
  });

  test("waits for the copy's WRITE, and has its turn then", async () => {
    const { rig, source, destination } = await open();
    await rig.a.execute(copy({ ...VALUES, segments: [] }));
    const b = await rig.connect("b");
    destination.hold = true;
    const copying = rig.a.execute(copy(VALUES));
    await settled();
    expect(destination.seen).toEqual(["WRITE 100"]);
    const comparing = compareAndWrite(b, 1, 104);
    await settled();
    expect(destination.seen).toEqual(["WRITE 100"]);
    destination.hold = false;
    destination.held.shift()!.go();
    expect(outcomeOf(await copying)).toBe("GOOD");
    // The source's pattern is no zeros.
    expect(outcomeOf(await comparing)).toBe("E/1D/00");
    expect(blocksOf(destination, 100, 8)).toEqual(blocksOf(source, 0, 8));
    await rig.close();
  });

  test("of other blocks waits for nothing", async () => {
    const { rig, destination } = await open();
    await rig.a.execute(copy({ ...VALUES, segments: [] }));
    const b = await rig.connect("b");
    destination.hold = true;
    void rig.a.execute(copy(VALUES));
    await settled();
    void compareAndWrite(b, 1, 500);
    await settled();
    expect(destination.seen).toEqual(["WRITE 100", "READ 500"]);
    destination.hold = false;
    await rig.close();
  });

  test("two copies that cross, and one of them at each device: all come to an end", async () => {
    const { rig, source, destination } = await open();
    await rig.a.execute(copy({ ...VALUES, segments: [] }));
    const b = await rig.connect("b");
    const back = { cscds: [2, 1], id: 2, segments: [{ ...SEGMENTS[0]!, destination: 300 }] };
    source.hold = true;
    destination.hold = true;
    const all = [
      rig.a.execute(copy(VALUES, 0)),
      rig.a.execute(copy(back, 1)),
      compareAndWrite(b, 0, 300),
      compareAndWrite(b, 1, 100),
    ];
    for (let i = 0; i < 20; i++) {
      await settled();
      for (const disk of [source, destination]) disk.held.shift()?.go();
    }
    const outcomes = (await Promise.all(all)).map(outcomeOf);
    expect(outcomes.slice(0, 2)).toEqual(["GOOD", "GOOD"]);
    await rig.close();
  });
});
