import { describe, expect, test } from "vitest";

import { lengthOf, removeScratchFolders, rig, type Rig } from "./rig.ts";

removeScratchFolders();

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const modeSense = ({ send }: Rig, page: string, subpage = "00") =>
  send(`1a 08 ${page} ${subpage} ff 00`, { room: 255 });

/** Page and subpage, as MODE SENSE(6) with DBD returns it behind the header. */
const pages: readonly (readonly [string, string, string, string])[] = [
  ["compression", "0f", "00", "0f0e 40 80 00000001 00000001 00000000"],
  ["compression, changeable", "4f", "00", "0f0e 80 80 00000000 00000000 00000000"],
  ["device configuration", "10", "00", "100e 00 00 00 00 0064 42 00 18 000000 00 00"],
  ["medium partition", "11", "00", "1108 03 00 1c 03 06 00 0040"],
  ["medium configuration", "1d", "00", `1d1e ${"00".repeat(30)}`],
];

describe("MODE SENSE", () => {
  test.each(pages)("%s", async (_name, page, subpage, expected) => {
    const made = await rig({}, { capacityBytes: 64_000_000 });
    const { result, data } = await modeSense(made, page, subpage);
    expect(result).toBe("GOOD");
    expect(hexOf(data.subarray(4))).toBe(expected.replaceAll(" ", ""));
  });

  test("the header and the block descriptor tell medium, buffering and density", async () => {
    const made = await rig();
    const { data } = await made.send("1a 00 00 00 0c 00", { room: 12 });
    expect(hexOf(data)).toBe("0b88100858000000".replace("58", "5e") + "00000000");
    const worm = await rig({}, { kind: "worm", writeProtected: true });
    const { data: protectedData } = await worm.send("1a 00 00 00 0c 00", { room: 12 });
    expect(hexOf(protectedData.subarray(0, 4))).toBe("0b8c9008");
  });

  test("all pages and subpages", async () => {
    const made = await rig();
    const { data } = await made.send("5a 08 3f ff 000000 0400 00", { room: 1024 });
    const codes: string[] = [];
    for (let at = 8; at < data.length;) {
      const spf = ((data[at] as number) & 0x40) !== 0;
      const code = (data[at] as number) & 0x3f;
      codes.push(`${code.toString(16)}/${spf ? data[at + 1] : 0}`);
      at += spf ? 4 + data.readUInt16BE(at + 2) : 2 + (data[at + 1] as number);
    }
    expect(codes.join(" ")).toBe("1/0 2/0 a/0 a/1 a/240 f/0 10/0 10/1 11/0 1a/0 1c/0 1d/0");
    expect(data.readUInt16BE(0)).toBe(data.length - 2);
  });

  test.each([
    ["an unknown page", "1a 08 3e 00 ff 00", "5/24/00"],
    ["an unknown subpage", "1a 08 0f 01 ff 00", "5/24/00"],
    ["saved values", "1a 08 cf 00 ff 00", "5/39/00"],
  ])("%s", async (_name, cdb, result) => {
    const made = await rig();
    expect((await made.send(cdb, { room: 255 })).result).toBe(result);
  });
});

describe("MODE SELECT", () => {
  test("changes the compression, and tells the others", async () => {
    const made = await rig();
    const other = made.fixture.connect("other");
    await made.send("00 00 00 00 00 00", { by: other });
    const out = Buffer.from("000010000f0ec08000000001000000010000 0000".replaceAll(" ", ""), "hex");
    expect((await made.send("15 10 0000 14 00", { out })).result).toBe("GOOD");
    expect((await modeSense(made, "0f")).data[6]).toBe(0xc0);
    expect((await made.send("00 00 00 00 00 00", { by: other })).result).toBe("6/2A/01");
    expect((await made.send("00 00 00 00 00 00", { by: other })).result).toBe("GOOD");
    expect(await made.do("00 00 00 00 00 00")).toBe("GOOD");
  });

  test.each([
    ["an unknown density", "00001008 44000000 00000200", "5/26/00"],
    ["its own density", "00001008 5e000000 00000200", "GOOD"],
    ["any density", "00001008 7f000000 00000200", "GOOD"],
    ["too long blocks", "00001008 00000000 00800001", "5/26/00"],
    ["an unknown buffered mode", "00002000", "5/26/00"],
    ["half a descriptor", "00001008 00000000", "5/1A/00"],
    ["a field that can't be changed", "00001000 0f0e 80 80 00000002 00000001 00000000", "5/26/00"],
    ["an unknown page", "00001000 3e00", "5/26/00"],
  ])("%s", async (_name, list, result) => {
    const made = await rig();
    const out = Buffer.from(list.replaceAll(" ", ""), "hex");
    const cdb = `15 10 0000 ${lengthOf(out.length, 2)} 00`;
    expect((await made.send(cdb, { out })).result).toBe(result);
  });
});

const logSense = ({ send }: Rig, page: string, pointer = "0000") =>
  send(`4d 00 ${page} 00 00 ${pointer} 0400 00`, { room: 1024 });

/** The values of a page's parameters by code. */
function parameters(data: Buffer): Map<number, Buffer> {
  const values = new Map<number, Buffer>();
  for (let at = 4; at < data.length;) {
    const length = data[at + 3] as number;
    values.set(data.readUInt16BE(at), data.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return values;
}

describe("LOG SENSE", () => {
  test("lists its pages, and each of them is well formed", async () => {
    const made = await rig();
    const { data } = await logSense(made, "40");
    expect(hexOf(data.subarray(4))).toBe("0002030c111214171b2e2f30313237");
    for (const page of data.subarray(5)) {
      const seen = await logSense(made, (0x40 | page).toString(16));
      expect(seen.result).toBe("GOOD");
      expect(seen.data[0]).toBe(0x80 | page);
      expect(seen.data.readUInt16BE(2)).toBe(seen.data.length - 4);
      const codes = [...parameters(seen.data).keys()];
      expect(codes).toEqual(codes.toSorted((a, b) => a - b));
    }
  });

  test("counts what was written, read and compressed", async () => {
    const made = await rig({ compression: true });
    await made.write(Buffer.alloc(1_000_000, 7));
    await made.do("01 00 00 00 00 00");
    await made.read(1_000_000);
    const sequential = parameters((await logSense(made, "4c")).data);
    expect(sequential.get(0)?.readBigUInt64BE()).toBe(1_000_000n);
    expect(sequential.get(3)?.readBigUInt64BE()).toBe(1_000_000n);
    expect(Number(sequential.get(1)?.readBigUInt64BE())).toBeLessThan(1000);
    const compression = parameters((await logSense(made, "5b")).data);
    expect(compression.get(1)?.readUInt16BE()).toBe(0xffff);
    expect(compression.get(6)?.readUInt32BE()).toBe(1);
    expect(await made.do("4c 02 c0 00 000000 0000 00")).toBe("GOOD");
    const reset = parameters((await logSense(made, "4c")).data);
    expect(reset.get(0)?.readBigUInt64BE()).toBe(0n);
  });

  test("efficiencies: unknown until something was transferred, then the best there is", async () => {
    const made = await rig();
    const efficiencies = async () =>
      hexOf((await logSense(made, "77")).data.subarray(4)).match(/.{10}/g);
    expect(await efficiencies()).toEqual(["0000000100", "0001000100"]);
    await made.write("x");
    expect(await efficiencies()).toEqual(["0000000101", "0001000101"]);
    await made.drive.insert(await made.drive.remove());
    await made.do("00 00 00 00 00 00");
    expect(await efficiencies()).toEqual(["0000000101", "0001000100"]);
  });

  test("remaining capacity, and a pointer into and behind a page", async () => {
    const made = await rig();
    const capacity = parameters((await logSense(made, "71")).data);
    expect(capacity.get(1)?.readUInt32BE()).toBe(64);
    expect(capacity.get(3)?.readUInt32BE()).toBe(64);
    const seen = parameters((await logSense(made, "71", "0003")).data);
    expect([...seen.keys()]).toEqual([3, 4]);
    expect((await logSense(made, "71", "0005")).result).toBe("5/24/00");
    expect((await logSense(made, "7e")).result).toBe("5/24/00");
  });
});

describe("MAM attributes", () => {
  const readAttribute = ({ send }: Rig, first: string, action = "00", partition = "00") =>
    send(`8c ${action} 000000 00 00 ${partition} ${first} 00000400 00 00`, { room: 1024 });

  const write = ({ send }: Rig, list: string) => {
    const attributes = Buffer.from(list.replaceAll(" ", ""), "hex");
    const out = Buffer.concat([Buffer.alloc(4), attributes]);
    out.writeUInt32BE(attributes.length);
    return send(`8d 00 000000 00 00 00 0000 ${lengthOf(out.length, 8)} 00 00`, { out });
  };

  test("what hosts write stays with the cartridge", async () => {
    const made = await rig();
    expect((await write(made, "0800 01 0008 4c54465320202020")).result).toBe("GOOD");
    const { data } = await readAttribute(made, "0800");
    expect(hexOf(data.subarray(4, 17))).toBe("0800010008".concat("4c54465320202020"));
    const cartridge = await made.drive.remove();
    await made.drive.insert(cartridge);
    await made.do("00 00 00 00 00 00");
    expect((await readAttribute(made, "0800")).data.equals(data)).toBe(true);
    // A length of zero removes it.
    await write(made, "0800 01 0000");
    expect((await readAttribute(made, "0800")).data.readUInt16BE(4)).toBe(0x0806);
  });

  test.each([
    ["the drive's own", "0000 00 0008 0000000000000001", "5/26/00"],
    ["another format", "0800 00 0008 4c54465320202020", "5/26/00"],
    ["too long", "0800 01 0009 4c5446532020202020", "5/26/00"],
    ["cut short", "0800 01 0008 4c54", "5/1A/00"],
    ["a host's own", "1400 00 0002 1234", "GOOD"],
  ])("%s", async (_name, list, result) => {
    expect((await write(await rig(), list)).result).toBe(result);
  });

  test("capacity, loads, and the change reference that moves with the first write", async () => {
    const made = await rig();
    const value = async (identifier: string) => {
      const { data } = await readAttribute(made, identifier);
      return Number(`0x${hexOf(data.subarray(9, 9 + data.readUInt16BE(7)))}`);
    };
    expect([await value("0000"), await value("0001"), await value("0003")]).toEqual([64, 64, 1]);
    expect(await value("0009")).toBe(0);
    await made.write("x");
    await made.write("y");
    expect(await value("0009")).toBe(1);
  });

  test("lists, and what is not there", async () => {
    const made = await rig();
    const partitions = await readAttribute(made, "0000", "03");
    expect(hexOf(partitions.data)).toBe("00020001");
    const supported = await readAttribute(made, "0000", "05");
    const identifiers = hexOf(supported.data.subarray(4)).match(/.{4}/g)?.join(" ");
    expect(identifiers).toBe(
      "0000 0001 0002 0003 0004 0005 0006 0007 0009 020a 020b 020c 020d 0220 0221 0222 0223 " +
        "0400 0401 0404 0405 0407 0408 0800 0801 0802 0803 0804 0805 0806 0807 0808 0809 080a " +
        "080b 080c 0820 0821",
    );
    const list = await readAttribute(made, "0400", "01");
    expect(list.data.readUInt32BE(0)).toBe(list.data.length - 4);
    expect(list.data.readUInt16BE(4)).toBe(0x0400);
    expect((await readAttribute(made, "0900")).result).toBe("5/24/00");
    expect((await readAttribute(made, "0000", "00", "01")).result).toBe("5/24/00");
  });
});
