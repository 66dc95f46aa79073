import { describe, expect, test } from "vitest";

import { removeScratchFolders, rig, type Rig } from "./rig.ts";

removeScratchFolders();

const EMPTY = "5/3B/0E";
const FULL = "5/3B/0D";
const NOT_ACCESSIBLE = "5/3B/11";
const PREVENTED = "5/53/02";

describe("MOVE MEDIUM and EXCHANGE MEDIUM", () => {
  /** Each row on a new library: CDB, outcome, and where cartridges stand then. */
  test.each([
    ["a5 00 0001 1000 1004 0000 00 00", "GOOD", "1001=AAA002L8 1002=CLN001L1 1004=AAA001L8"],
    ["a5 00 0000 1000 0010 0000 00 00", "GOOD", "0010=AAA001L8 1001=AAA002L8 1002=CLN001L1"],
    ["a5 00 0000 1001 0101 0000 00 00", "GOOD", "0101=AAA002L8 1000=AAA001L8 1002=CLN001L1"],
    ["a5 00 0000 1003 1004 0000 00 00", EMPTY, undefined],
    ["a5 00 0000 0100 1004 0000 00 00", EMPTY, undefined],
    ["a5 00 0000 1000 1001 0000 00 00", FULL, undefined],
    ["a5 00 0000 1000 1000 0000 00 00", FULL, undefined],
    ["a5 00 0002 1000 1004 0000 00 00", "5/21/01 CDB 2", undefined],
    ["a5 00 1000 1000 1004 0000 00 00", "5/21/01 CDB 2", undefined],
    ["a5 00 0000 0fff 1004 0000 00 00", "5/21/01 CDB 4", undefined],
    ["a5 00 0000 0001 1004 0000 00 00", "5/21/01 CDB 4", undefined],
    ["a5 00 0000 1000 1005 0000 00 00", "5/21/01 CDB 6", undefined],
    ["a5 00 0000 1000 0001 0000 00 00", "5/21/01 CDB 6", undefined],
    ["a5 00 0000 1000 1004 0000 01 00", "5/24/00 CDB 10.0", undefined],
    ["a6 00 0000 1000 1001 1004 00 00", "GOOD", "1001=AAA001L8 1002=CLN001L1 1004=AAA002L8"],
    ["a6 00 0000 1000 1001 1000 00 00", "GOOD", "1000=AAA002L8 1001=AAA001L8 1002=CLN001L1"],
    ["a6 00 0000 1003 1001 1004 00 00", EMPTY, undefined],
    ["a6 00 0000 1000 1003 1004 00 00", EMPTY, undefined],
    ["a6 00 0000 1000 1001 1002 00 00", FULL, undefined],
    ["a6 00 0000 1000 1000 1004 00 00", FULL, undefined],
    ["a6 00 0000 1000 1001 1001 00 00", FULL, undefined],
    ["a6 00 0000 1000 1001 2000 00 00", "5/21/01 CDB 8", undefined],
    ["a6 00 0000 1000 1001 1004 02 00", "5/24/00 CDB 10.1", undefined],
  ])("%s: %s", async (cdb, outcome, after) => {
    const bench = await rig();
    const before = bench.saved();
    expect(await bench.do(cdb)).toBe(outcome);
    expect(bench.saved()).toBe(after ?? before);
  });

  test("a cartridge is loaded, taken out although it is at the heads, and knows its slot", async () => {
    const bench = await rig();
    expect(await bench.move(0x1000, 0x0100)).toBe("GOOD");
    const [drive] = bench.drives;
    expect(drive?.isLoaded).toBe(true);
    expect(drive?.cartridge?.description.barcode).toBe("AAA001L8");
    expect(bench.library.at(0x0100)?.medium?.source).toBe(0x1000);
    expect(await bench.move(0x0100, 0x0101)).toBe("GOOD");
    expect(bench.library.at(0x0101)?.medium?.source).toBe(0x1000);
    expect(await bench.move(0x0101, 0x0011)).toBe("GOOD");
    expect(drive?.cartridge).toBeUndefined();
    expect(bench.saved()).toBe("0011=AAA001L8 1001=AAA002L8 1002=CLN001L1");
  });

  test("EXCHANGE MEDIUM changes what a drive has, and two drives' cartridges", async () => {
    const bench = await rig();
    await bench.move(0x1000, 0x0100);
    expect(await bench.do("a6 00 0000 1001 0100 1001 00 00")).toBe("GOOD");
    const barcodes = () => bench.drives.map(({ cartridge }) => cartridge?.description.barcode);
    expect(barcodes()).toEqual(["AAA002L8", undefined]);
    await bench.move(0x1001, 0x0101);
    expect(await bench.do("a6 00 0000 0100 0101 0100 00 00")).toBe("GOOD");
    expect(barcodes()).toEqual(["AAA001L8", "AAA002L8"]);
  });

  test("a drive whose medium is not to be removed keeps it", async () => {
    const bench = await rig();
    await bench.move(0x1000, 0x0100);
    const [drive] = bench.drives;
    const prevent = async (cdb: string) => (await bench.send(cdb, { lun: 1 })).result;
    // Power on, and the new medium.
    expect(await prevent("00 00 00 00 00 00")).toBe("6/29/00");
    expect(await prevent("00 00 00 00 00 00")).toBe("6/28/00");
    expect(await prevent("1e 00 00 00 01 00")).toBe("GOOD");
    expect(drive?.removalPrevented).toBe(true);
    expect(await bench.move(0x0100, 0x1000)).toBe(PREVENTED);
    expect(await bench.do("a6 00 0000 1001 0100 1004 00 00")).toBe(PREVENTED);
    expect(bench.saved()).toBe("0100=AAA001L8 1001=AAA002L8 1002=CLN001L1");
    await prevent("1e 00 00 00 00 00");
    expect(await bench.move(0x0100, 0x1000)).toBe("GOOD");
  });

  test("what can't be saved has not happened", async () => {
    let full = false;
    const bench = await rig({
      store: (files) => ({
        ...files,
        save: async (placed) => {
          if (full) throw new Error("no space");
          await files.save(placed);
        },
      }),
    });
    await bench.move(0x1000, 0x0100);
    full = true;
    expect(await bench.move(0x0100, 0x1000)).toMatch(/^4\//);
    expect(bench.drives[0]?.isLoaded).toBe(true);
    expect(await bench.move(0x1001, 0x0101)).toMatch(/^4\//);
    expect(bench.drives[1]?.cartridge).toBeUndefined();
    full = false;
    expect(bench.saved()).toBe("0100=AAA001L8 1001=AAA002L8 1002=CLN001L1");
    expect(await bench.move(0x1001, 0x0101)).toBe("GOOD");
  });

  test("a cartridge that can't be opened stays, and TapeAlert tells once", async () => {
    const placed = [
      { address: 0x1000, barcode: "AAA001L8", kind: "data", source: undefined, imported: false },
    ] as const;
    let broken = true;
    const bench = await rig({
      placed,
      store: (files) => ({
        ...files,
        open: (barcode) => (broken ? Promise.reject(new Error("damaged")) : files.open(barcode)),
      }),
    });
    expect(await bench.move(0x1000, 0x0100)).toBe("3/53/00");
    expect(bench.saved()).toBe("1000=AAA001L8");
    const alert = async () =>
      (await bench.send("4d 00 6e 00 00 0018 0400 00", { room: 1024 })).data;
    const sense = async () => (await statusAt(bench, 0x1000)).subarray(2, 6).toString("hex");
    expect(await sense()).toBe("0d005300");
    expect((await alert()).at(8)).toBe(1);
    expect((await alert()).at(8)).toBe(0);
    broken = false;
    expect(await bench.move(0x1000, 0x0100)).toBe("GOOD");
    expect((await statusAt(bench, 0x0100)).subarray(2, 6).toString("hex")).toBe("09000000");
  });
});

/** The descriptor of one element. */
async function statusAt(bench: Rig, address: number): Promise<Buffer> {
  const start = address.toString(16).padStart(4, "0");
  const { data } = await bench.send(`b8 00 ${start} 0001 00 0000ff 00 00`, { room: 255 });
  return data.subarray(16);
}

describe("PREVENT ALLOW MEDIUM REMOVAL and OPEN/CLOSE IMPORT/EXPORT ELEMENT", () => {
  test("what is open is not the picker's", async () => {
    const bench = await rig();
    expect(await bench.do("1b 00 0010 00 00")).toBe("GOOD");
    expect((await statusAt(bench, 0x0010))[2]).toBe(0x30);
    expect(await bench.move(0x1000, 0x0010)).toBe(NOT_ACCESSIBLE);
    expect(await bench.move(0x1000, 0x0011)).toBe("GOOD");
    expect(await bench.do("1b 00 0010 01 00")).toBe("GOOD");
    expect((await statusAt(bench, 0x0010))[2]).toBe(0x38);
    expect(await bench.move(0x1001, 0x0010)).toBe("GOOD");
    expect(await bench.do("1b 00 1000 00 00")).toBe("5/21/01 CDB 2");
    expect(await bench.do("1b 00 0010 02 00")).toBe("5/24/00 CDB 4.4");
  });

  test("operators keep out while any initiator prevents it, until a reset", async () => {
    const bench = await rig();
    const other = bench.fixture.connect("other");
    await bench.do("00 00 00 00 00 00", other);
    expect(await bench.do("1e 00 00 00 01 00")).toBe("GOOD");
    expect(await bench.do("1b 00 0010 00 00", other)).toBe(PREVENTED);
    const element = bench.library.at(0x0010)!;
    const cartridge = { barcode: "NEW001L8", kind: "data" } as const;
    const put = async () => await bench.library.run(() => bench.library.put(element, cartridge));
    await expect(put()).rejects.toMatchObject({ code: "REMOVAL_PREVENTED" });
    expect(await bench.do("1e 00 00 00 02 00")).toBe("5/24/00 CDB 4.1");
    expect(await bench.do("1e 00 00 00 00 00")).toBe("GOOD");
    await put();
    expect(element.medium).toMatchObject({ barcode: "NEW001L8", imported: true });
  });

  test("every initiator hears of it", async () => {
    const bench = await rig();
    const other = bench.fixture.connect("other");
    await bench.do("00 00 00 00 00 00", other);
    const { library } = bench;
    await library.run(() => library.take(library.at(0x1002)!));
    await library.run(() => library.put(library.at(0x0011)!, { barcode: "X", kind: "worm" }));
    for (const by of [bench.initiator, other]) {
      expect(await bench.do("00 00 00 00 00 00", by)).toBe("6/28/00");
      expect(await bench.do("00 00 00 00 00 00", by)).toBe("6/28/01");
      expect(await bench.do("00 00 00 00 00 00", by)).toBe("GOOD");
    }
    // IMPEXP, and a WORM medium.
    expect((await statusAt(bench, 0x0011)).subarray(0, 12).toString("hex")).toBe(
      "00113b000000000000040000",
    );
    const take = async (address: number) =>
      await library.run(() => library.take(library.at(address)!));
    await expect(take(0x1004)).rejects.toMatchObject({ code: "ELEMENT_EMPTY" });
    await bench.move(0x1000, 0x0100);
    await expect(take(0x0100)).rejects.toMatchObject({ code: "ELEMENT_TYPE" });
  });
});

describe("elements that are asked for by range, and positions", () => {
  test.each([
    ["07 00 00 00 00 00", "GOOD"],
    ["37 00 0000 00 00 0000 00 00", "GOOD"],
    ["37 01 1000 00 00 0002 00 00", "GOOD"],
    ["37 03 1000 00 00 0002 00 00", "GOOD"],
    ["37 01 1005 00 00 0002 00 00", "5/21/01 CDB 2"],
    ["2b 00 0001 1004 00 00 00 00", "GOOD"],
    ["2b 00 0000 0100 00 00 00 00", "GOOD"],
    ["2b 00 0005 1004 00 00 00 00", "5/21/01 CDB 2"],
    ["2b 00 0000 1005 00 00 00 00", "5/21/01 CDB 4"],
    ["2b 00 0000 1004 00 00 01 00", "5/24/00 CDB 8.0"],
    ["ff 00 00 00 00 00", "5/20/00"],
    ["08 00 00 00 00 00", "5/20/00"],
  ])("%s: %s", async (cdb, outcome) => {
    expect(await (await rig()).do(cdb)).toBe(outcome);
  });
});

test("a library that begins with cartridges in its drives loads them", async () => {
  const bench = await rig({
    placed: [
      { address: 0x0101, barcode: "AAA001L8", kind: "data", source: 0x1003, imported: false },
    ],
  });
  expect(bench.drives.map(({ isLoaded }) => isLoaded)).toEqual([false, true]);
});
