import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { lengthOf, removeScratchFolders, rig, type Rig } from "./rig.ts";

removeScratchFolders();

/** The tape as a list: a number is a block of so many bytes, null a filemark. */
class Model {
  readonly objects: (number | null)[] = [];
  at = 0;

  write(object: number | null): string {
    this.objects.length = this.at;
    this.objects.push(object);
    this.at++;
    return "GOOD";
  }

  read(length: number): string {
    if (this.at === this.objects.length) return `8/00/05 ${length}`;
    const object = this.objects[this.at++] as number | null;
    if (object === null) return `0/00/01 FM ${length}`;
    return object === length ? "GOOD" : `0/00/00 ILI ${length - object}`;
  }

  locate(object: number): string {
    this.at = Math.min(object, this.objects.length);
    return object > this.objects.length ? "8/00/05" : "GOOD";
  }

  spaceBlocks(count: number): string {
    const step = Math.sign(count);
    for (let left = Math.abs(count); left > 0; left--) {
      const next = step > 0 ? this.at : this.at - 1;
      if (next < 0) return `0/00/04 EOM ${left}`;
      if (next >= this.objects.length) return `8/00/05 ${left}`;
      this.at += step;
      if (this.objects[next] === null) return `0/00/01 FM ${left}`;
    }
    return "GOOD";
  }

  spaceFilemarks(count: number): string {
    const step = Math.sign(count);
    for (let left = Math.abs(count); left > 0;) {
      const next = step > 0 ? this.at : this.at - 1;
      if (next < 0) return `0/00/04 EOM ${left}`;
      if (next >= this.objects.length) return `8/00/05 ${left}`;
      this.at += step;
      if (this.objects[next] === null) left--;
    }
    return "GOOD";
  }
}

type Step = (model: Model, real: Rig) => Promise<readonly [expected: string, found: string]>;

const blockOf = (length: number) => Buffer.alloc(length, length & 0xff);
const twos = (count: number) => lengthOf(count < 0 ? 0x100_0000 + count : count);

const length = fc.integer({ min: 1, max: 3000 });
const count = fc.integer({ min: -6, max: 6 });

function write(n: number): Step {
  return async (model, real) => [model.write(n), await real.write(blockOf(n))];
}

const filemark: Step = async (model, real) => [model.write(null), await real.do("10 01 000001 00")];

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

function locate(n: number): Step {
  return async (model, real) => [
    model.locate(n),
    await real.do(`2b 00 00 ${lengthOf(n, 8)} 00 00 00`),
  ];
}

function space(code: 0 | 1, n: number): Step {
  return async (model, real) => [
    code === 0 ? model.spaceBlocks(n) : model.spaceFilemarks(n),
    await real.do(`11 0${code} ${twos(n)} 00`),
  ];
}

const toEnd: Step = async (model, real) => [
  model.locate(model.objects.length),
  await real.do("11 03 000000 00"),
];

const step: fc.Arbitrary<readonly [string, Step]> = fc.oneof(
  { weight: 6, arbitrary: length.map((n) => [`write ${n}`, write(n)] as const) },
  { weight: 2, arbitrary: fc.constant(["filemark", filemark] as const) },
  { weight: 6, arbitrary: length.map((n) => [`read ${n}`, read(n)] as const) },
  { weight: 2, arbitrary: fc.constant(["rewind", rewind] as const) },
  { weight: 2, arbitrary: fc.nat(40).map((n) => [`locate ${n}`, locate(n)] as const) },
  { weight: 3, arbitrary: count.map((n) => [`space blocks ${n}`, space(0, n)] as const) },
  { weight: 3, arbitrary: count.map((n) => [`space filemarks ${n}`, space(1, n)] as const) },
  { weight: 1, arbitrary: fc.constant(["to the end", toEnd] as const) },
);

describe("a tape against a list", () => {
  test.each([false, true])(
    "any sequence of commands (compression: %s)",
    { timeout: 60_000 },
    async (compression) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
          const real = await rig({ compression });
          const model = new Model();
          for (const [name, run] of steps) {
            const [expected, found] = await run(model, real);
            expect(`${name}: ${found}`).toBe(`${name}: ${expected}`);
            const { data } = await real.send("34 06 00000000 00 0000 00", { room: 32 });
            expect(Number(data.readBigUInt64BE(8))).toBe(model.at);
            const files = model.objects.slice(0, model.at).filter((object) => object === null);
            expect(Number(data.readBigUInt64BE(16))).toBe(files.length);
          }
          await real.drive.close();
        }),
        { numRuns: 25 },
      );
    },
  );
});
