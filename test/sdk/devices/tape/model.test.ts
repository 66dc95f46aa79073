/** Random commands to a drive and to a model: how they end, and where the tape is after each. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { TapeModel } from "./model.ts";
import { lengthOf, removeScratchFolders, rig, type Rig } from "./rig.ts";

removeScratchFolders();

const PARTITIONS = 3;
/** Of each of the two tests: 100,000 in all. */
const RUNS = 25;
const STEPS_OF_RUN = 2000;

type Step = (model: TapeModel, real: Rig) => Promise<readonly [expected: string, found: string]>;

const blockOf = (length: number) => Buffer.alloc(length, length & 0xff);
const twos = (count: number, digits: number) =>
  BigInt.asUintN(4 * digits, BigInt(count))
    .toString(16)
    .padStart(digits, "0");

function write(n: number): Step {
  return async (model, real) => [model.write(n), await real.write(blockOf(n))];
}

/** Behind what there is: others cut the tape short, and none would get long. */
function append(what: Step): Step {
  return async (model, real) => {
    model.toEnd();
    await real.do("11 03 000000 00");
    return await what(model, real);
  };
}

function filemarks(n: number): Step {
  return async (model, real) => [model.write(null, n), await real.do(`10 01 ${lengthOf(n)} 00`)];
}

const erase: Step = async (model, real) => [model.erase(), await real.do("19 01 00 00 00 00")];

function read(n: number): Step {
  return async (model, real) => {
    const object = model.objects[model.at];
    const expected = model.read(n);
    const { result, data } = await real.read(n);
    if (typeof object === "number") {
      expect(data).toEqual(blockOf(object).subarray(0, Math.min(object, n)));
    }
    return [expected, result];
  };
}

const rewind: Step = async (model, real) => [model.locate(0), await real.do("01 00 00 00 00 00")];

function locate10(n: number): Step {
  return async (model, real) => [
    model.locate(n),
    await real.do(`2b 00 00 ${lengthOf(n, 8)} 00 00 00`),
  ];
}

const locate16 = (real: Rig, type: number, partition: number, n: number) =>
  real.do(
    `92 ${lengthOf((type << 3) | 2, 2)} 00 ${lengthOf(partition, 2)} ${lengthOf(n, 16)} ${"00".repeat(4)}`,
  );

function locate(n: number, partition: number): Step {
  return async (model, real) => [model.locate(n, partition), await locate16(real, 0, partition, n)];
}

function locateFile(n: number, partition: number): Step {
  return async (model, real) => [
    model.locateFile(n, partition),
    await locate16(real, 1, partition, n),
  ];
}

function locateEnd(partition: number): Step {
  return async (model, real) => [model.toEnd(partition), await locate16(real, 3, partition, 0)];
}

const SPACES = ["spaceBlocks", "spaceFilemarks", "spaceSequentialFilemarks"] as const;

function space(code: 0 | 1 | 2, n: number, wide: boolean): Step {
  const cdb = wide ? `91 0${code} 0000 ${twos(n, 16)} 0000 0000` : `11 0${code} ${twos(n, 6)} 00`;
  return async (model, real) => [model[SPACES[code]](n), await real.do(cdb)];
}

/** The longer ones are compressed after they were answered. */
const length = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 3000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 8193, max: 12_000 }) },
);
const count = fc.integer({ min: -6, max: 6 });
/** One more than there are. */
const partition = fc.integer({ min: 0, max: PARTITIONS });
const object = fc.nat(200);

const step: fc.Arbitrary<readonly [string, Step]> = fc.oneof(
  { weight: 1, arbitrary: length.map((n) => [`write ${n}`, write(n)] as const) },
  { weight: 12, arbitrary: length.map((n) => [`append ${n}`, append(write(n))] as const) },
  { weight: 1, arbitrary: fc.nat(3).map((n) => [`filemarks ${n}`, filemarks(n)] as const) },
  {
    weight: 4,
    arbitrary: fc.nat(3).map((n) => [`append filemarks ${n}`, append(filemarks(n))] as const),
  },
  { weight: 10, arbitrary: length.map((n) => [`read ${n}`, read(n)] as const) },
  { weight: 1, arbitrary: fc.constant(["rewind", rewind] as const) },
  { weight: 3, arbitrary: object.map((n) => [`locate(10) ${n}`, locate10(n)] as const) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(object, partition)
      .map(([n, p]) => [`locate ${n} in ${p}`, locate(n, p)] as const),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.nat(20), partition)
      .map(([n, p]) => [`locate file ${n} in ${p}`, locateFile(n, p)] as const),
  },
  { weight: 2, arbitrary: partition.map((p) => [`the end of ${p}`, locateEnd(p)] as const) },
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom(0, 1, 2), count, fc.boolean())
      .map(([code, n, wide]) => [`${SPACES[code]} ${n}`, space(code, n, wide)] as const),
  },
  { weight: 1, arbitrary: fc.constant(["erase", erase] as const) },
);

/** A drive with a tape of three partitions. */
async function partitioned(compression: boolean): Promise<Rig> {
  const real = await rig({ compression }, { capacityBytes: 1024 ** 3 });
  const out = Buffer.from("00001000110a03024003000000000000", "hex");
  const selected = await real.send(`15 10 0000 ${lengthOf(out.length, 2)} 00`, { out });
  expect([selected.result, await real.do("04 00 01 0000 00")]).toEqual(["GOOD", "GOOD"]);
  expect(real.drive.cartridge?.partitions).toHaveLength(PARTITIONS);
  return real;
}

describe("a tape against lists", () => {
  test.each([false, true])(
    "any sequence of commands (compression: %s)",
    { timeout: 300_000 },
    async (compression) => {
      const steps = fc.array(step, { minLength: STEPS_OF_RUN, maxLength: STEPS_OF_RUN });
      await fc.assert(
        fc.asyncProperty(steps, async (all) => {
          const real = await partitioned(compression);
          const model = new TapeModel(PARTITIONS);
          for (const [name, run] of all) {
            const [expected, found] = await run(model, real);
            const { data } = await real.send("34 06 00000000 00 0000 00", { room: 32 });
            const at = [4, 8, 16].map((offset) =>
              offset === 4 ? data.readUInt32BE(4) : Number(data.readBigUInt64BE(offset)),
            );
            const wanted = [model.partition, model.at, model.file];
            if (found !== expected || at.join() !== wanted.join()) {
              expect({ name, found, at }).toEqual({ name, found: expected, at: wanted });
            }
          }
          await real.drive.close();
        }),
        { numRuns: RUNS },
      );
    },
  );
});
