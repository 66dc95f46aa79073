import { describe, expect, test } from "vitest";

import { lengthOf, removeScratchFolders, rig, type Rig } from "./rig.ts";

removeScratchFolders();

/** Objects 0 to 9: `a b | c d e | | f` and the end of data at 9. */
async function written(): Promise<Rig> {
  const made = await rig();
  for (const object of "ab|cde||f") {
    if (object === "|") await made.do("10 01 000001 00");
    else await made.write(object);
  }
  return made;
}

async function at({ send }: Rig): Promise<number> {
  const { data } = await send("34 00 00000000 00 0000 00", { room: 20 });
  expect(data.readUInt32BE(4)).toBe(data.readUInt32BE(8));
  return data.readUInt32BE(4);
}

const locate = (made: Rig, object: number) => made.do(`2b 00 00 ${lengthOf(object, 8)} 00 00 00`);

const space = (code: number, count: number) =>
  `11 0${code} ${lengthOf(count < 0 ? 0x100_0000 + count : count)} 00`;
const space16 = (code: number, count: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(count));
  return `91 0${code} 0000 ${bytes.toString("hex")} 0000 00 00`;
};

/** From, CODE, COUNT, result, to. */
const spaces: readonly (readonly [number, number, number, string, number])[] = [
  [0, 0, 2, "GOOD", 2],
  [0, 0, 0, "GOOD", 0],
  [0, 0, 3, "0/00/01 FM 1", 3],
  [3, 0, 3, "GOOD", 6],
  [3, 0, 5, "0/00/01 FM 2", 7],
  [8, 0, 1, "GOOD", 9],
  [8, 0, 4, "8/00/05 3", 9],
  [6, 0, -3, "GOOD", 3],
  [6, 0, -4, "0/00/01 FM 1", 2],
  [2, 0, -2, "GOOD", 0],
  [2, 0, -5, "0/00/04 EOM 3", 0],
  [0, 1, 1, "GOOD", 3],
  [0, 1, 2, "GOOD", 7],
  [0, 1, 3, "GOOD", 8],
  [0, 1, 4, "8/00/05 1", 9],
  [9, 1, -1, "GOOD", 7],
  [9, 1, -3, "GOOD", 2],
  [9, 1, -4, "0/00/04 EOM 1", 0],
  [0, 2, 2, "GOOD", 8],
  [0, 2, 1, "GOOD", 3],
  [0, 2, 3, "8/00/05", 9],
  [9, 2, -2, "GOOD", 6],
  [9, 2, -3, "0/00/04 EOM", 0],
  [1, 3, 0, "GOOD", 9],
  [1, 4, 1, "5/24/00", 1],
];

describe("SPACE", () => {
  test.each(spaces)(
    "from %i, code %i, count %i: %s, to %i",
    async (from, code, count, result, to) => {
      const made = await written();
      for (const cdb of [space(code, count), space16(code, count)]) {
        await locate(made, from);
        expect(await made.do(cdb)).toBe(result);
        expect(await at(made)).toBe(to);
      }
    },
  );
});

describe("LOCATE", () => {
  test.each([
    ["an object", "92 00 0000 0000000000000004 0000 00 00", "GOOD", 4],
    ["the end of data's number", "92 00 0000 0000000000000009 0000 00 00", "GOOD", 9],
    ["behind the end of data", "92 00 0000 000000000000000a 0000 00 00", "8/00/05", 9],
    ["far behind it", "92 00 0000 ffffffffffffffff 0000 00 00", "8/00/05", 9],
    ["a file", "92 08 0000 0000000000000001 0000 00 00", "GOOD", 3],
    ["the first file", "92 08 0000 0000000000000000 0000 00 00", "GOOD", 0],
    ["the last file", "92 08 0000 0000000000000003 0000 00 00", "GOOD", 8],
    ["a file that is not there", "92 08 0000 0000000000000004 0000 00 00", "8/00/05", 9],
    ["the end of data", "92 18 0000 0000000000000000 0000 00 00", "GOOD", 9],
    ["an obsolete destination", "92 10 0000 0000000000000000 0000 00 00", "5/24/00", 5],
    ["another partition", "92 02 0001 0000000000000000 0000 00 00", "5/24/00", 5],
  ])("%s", async (_name, cdb, result, to) => {
    const made = await written();
    await locate(made, 5);
    expect(await made.do(cdb)).toBe(result);
    expect(await at(made)).toBe(to);
  });
});

describe("READ POSITION", () => {
  test("the long form counts files, the extended one is cut", async () => {
    const made = await written();
    await locate(made, 7);
    const long = await made.send("34 06 00000000 00 0000 00", { room: 32 });
    expect(long.data.toString("hex")).toBe(
      ["00000000", "00000000", "0000000000000007", "0000000000000002", "0000000000000000"].join(""),
    );
    const extended = await made.send("34 08 00000000 00 0010 00", { room: 16 });
    expect(extended.data.toString("hex")).toBe("0000001c000000000000000000000007");
  });

  test("BOP, and wrong service actions and lengths", async () => {
    const made = await written();
    await made.do("01 00 00 00 00 00");
    const { data } = await made.send("34 00 00000000 00 0000 00", { room: 20 });
    expect(data[0]).toBe(0x80);
    const wrong = await made.send("34 02 00000000 00 0014 00", { room: 20 });
    expect(wrong.result).toBe("5/24/00");
    const length = await made.send("34 06 00000000 00 0020 00", { room: 32 });
    expect(length.result).toBe("5/24/00");
  });
});
