/** EXT_COPY_REMAP: a handler that copies by itself, as the SDK has it. */
import { describe, expect, test } from "vitest";

import { SENSE } from "../../src/protocol/scsi/index.ts";
import { SCST_ABORT_TASK } from "../../src/protocol/scst/index.ts";
import { COPY_EXTENTS_MAX, type CopySegment } from "../../src/sdk/index.ts";
import { checkCondition, taskSetFull } from "../../src/sdk/outcome.ts";
import {
  ask,
  blocksOf,
  copy,
  type Disk,
  openDisks,
  outcomeOf,
  pattern,
  STATUS_OF,
} from "../support/copy-disks.ts";

const SEGMENT = { blocks: 40, source: 8, destination: 1000 };

describe("a handler", () => {
  test("is told what is to be copied, and for whom", async () => {
    const segments: CopySegment[] = [];
    const remap = (segment: CopySegment) => {
      segments.push(segment);
      return [];
    };
    const rig = await openDisks({ remap }, {});
    const values = { cscds: [1, 2], segments: [SEGMENT, { ...SEGMENT, to: 1 }] };
    expect(outcomeOf(await rig.a.execute(copy(values)))).toBe("GOOD");
    expect(segments).toMatchObject([
      { sourceLba: 8, destinationLba: 1000, lengthBytes: 40 * 512, source: { lun: 0 } },
      { sourceLba: 8, destinationLba: 1000, destination: undefined },
    ]);
    expect(segments[0]?.session).toBe(segments[0]?.destination);
    expect(segments[0]?.session.initiatorName).toBe("a");
    await rig.close();
  });

  test("that does all leaves nothing to the core, which counts it all the same", async () => {
    const rig = await openDisks({ remap: () => [] });
    const [disk] = rig.disks as [Disk];
    expect(outcomeOf(await rig.a.execute(copy({ segments: [SEGMENT] })))).toBe("GOOD");
    expect(disk.seen).toEqual([]);
    const { dataIn } = await rig.a.execute({
      cdb: [0x84, STATUS_OF, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0],
      dataInLength: 1024,
    });
    // TRANSFER COUNT, in KiB as the byte before it says.
    expect([...dataIn.subarray(8, 12)]).toEqual([0, 0, 0, 20]);
    await rig.close();
  });

  test.each([
    ["all of it", (segment: CopySegment) => [segment]],
    ["all of it, later", async (segment: CopySegment) => [segment]],
    [
      "it in pieces",
      ({ sourceLba, destinationLba }: CopySegment) =>
        [0, 10, 30].map((at, i) => ({
          sourceLba: sourceLba + at,
          destinationLba: destinationLba + at,
          lengthBytes: ([10, 20, 10][i] as number) * 512,
        })),
    ],
  ])("may leave %s", async (_what, remap) => {
    const rig = await openDisks({ remap });
    const [disk] = rig.disks as [Disk];
    pattern(disk);
    expect(outcomeOf(await rig.a.execute(copy({ segments: [SEGMENT] })))).toBe("GOOD");
    expect(blocksOf(disk, 1000, 40)).toEqual(blocksOf(disk, 8, 40));
    await rig.close();
  });

  test("may leave as many extents as a page has room for, and no more", async () => {
    const extents = (count: number) => () =>
      Array.from({ length: count }, (_, i) => ({
        sourceLba: i,
        destinationLba: 1000 + i,
        lengthBytes: 512,
      }));
    const most = await openDisks({ remap: extents(COPY_EXTENTS_MAX) });
    const [disk] = most.disks as [Disk];
    pattern(disk);
    const segments = [{ blocks: 200, source: 0, destination: 1000 }];
    expect(outcomeOf(await most.a.execute(copy({ segments })))).toBe("GOOD");
    expect(blocksOf(disk, 1000, COPY_EXTENTS_MAX)).toEqual(blocksOf(disk, 0, COPY_EXTENTS_MAX));
    await most.close();
    const more = await openDisks({ remap: extents(COPY_EXTENTS_MAX + 1) });
    expect(outcomeOf(await more.a.execute(copy({ segments })))).toBe("4/44/00");
    await more.close();
  });

  test.each([
    ["sense", () => checkCondition(SENSE.WRITE_ERROR), "3/0C/00"],
    ["sense, later", async () => checkCondition(SENSE.WRITE_ERROR), "3/0C/00"],
    ["a status", () => taskSetFull, "status 28"],
    [
      "an error",
      () => {
        throw new Error("no");
      },
      "4/44/00",
    ],
    ["an error, later", () => Promise.reject(new Error("no")), "4/44/00"],
    ["something else", () => 7 as unknown as [], "4/44/00"],
  ])("that gives %s ends the command with it", async (_what, remap, expected) => {
    const rig = await openDisks({ remap });
    const [disk] = rig.disks as [Disk];
    expect(outcomeOf(await rig.a.execute(copy({ segments: [SEGMENT, SEGMENT] })))).toBe(expected);
    expect(disk.seen).toEqual([]);
    await rig.close();
  });

  test("that takes its time is aborted without a copy", async () => {
    let settle: (left: readonly CopySegment[]) => void = () => undefined;
    let asked: CopySegment | undefined;
    const remap = (segment: CopySegment) => {
      asked = segment;
      return new Promise<readonly CopySegment[]>((resolve) => {
        settle = resolve;
      });
    };
    const rig = await openDisks({ remap });
    const [disk] = rig.disks as [Disk];
    const copying = rig.a.execute({ ...copy({ segments: [SEGMENT] }), tag: 9 });
    const aborting = rig.a.taskManagement({ function: SCST_ABORT_TASK, tag: 9 });
    settle([asked!]);
    expect(await aborting).toBe(0);
    expect((await copying).aborted).toBe(true);
    expect(disk.seen).toEqual([]);
    await rig.close();
  });

  test("that takes its time is waited for when its device is closed", async () => {
    let settle: (left: readonly CopySegment[]) => void = () => undefined;
    const remap = () =>
      new Promise<readonly CopySegment[]>((resolve) => {
        settle = resolve;
      });
    const rig = await openDisks({ remap });
    const copying = rig.a.execute(copy({ segments: [SEGMENT] }));
    let closed = false;
    const closing = rig.close().then(() => (closed = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    settle([]);
    await closing;
    // The initiators were told at once.
    expect(outcomeOf(await copying)).toBe("5/25/00");
  });

  test("is not asked where its option is off", async () => {
    let asked = 0;
    const remap = () => {
      asked++;
      return [];
    };
    const rig = await openDisks({ remap, options: { extendedCopyRemap: false } });
    expect(outcomeOf(await rig.a.execute(copy({ segments: [SEGMENT] })))).toBe("GOOD");
    expect(asked).toBe(0);
    await rig.close();
  });

  test("without the callback can't have the option", async () => {
    await expect(openDisks({ options: { extendedCopyRemap: true } })).rejects.toMatchObject({
      code: "REMAP_MISSING",
    });
  });
});

test("who may not write there does not get to the handler", async () => {
  let asked = 0;
  const remap = () => {
    asked++;
    return [];
  };
  const rig = await openDisks({ remap }, { readOnly: true });
  const values = { cscds: [1, 2], segments: [{ ...SEGMENT, to: 1 }] };
  expect(outcomeOf(await rig.a.execute(copy(values)))).toBe("A/00/00");
  expect(asked).toBe(0);
  await rig.close();
});

test("designators are asked for again when a device's inquiry data changed", async () => {
  const rig = await openDisks({}, {});
  const [, other] = rig.disks as [Disk, Disk];
  const values = { cscds: [1, 9], segments: [{ ...SEGMENT, to: 1 }] };
  expect(outcomeOf(await rig.a.execute(copy(values)))).toBe("A/0D/02");
  other.naa = 9;
  rig.core.inquiryDataChanged("disk1");
  expect(outcomeOf(await rig.a.execute(copy(values)))).toBe("GOOD");
  expect((await ask(rig.a, STATUS_OF)).status).toBe(0);
  await rig.close();
});
