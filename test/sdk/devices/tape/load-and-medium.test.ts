import { describe, expect, test } from "vitest";

import { TAPE_PERSONALITIES, useOf } from "../../../../src/sdk/devices/tape/personality.ts";
import { reedSolomonCrc } from "../../../../src/sdk/devices/tape/block-protection.ts";
import { tape } from "../../../../src/sdk/devices/tape/tape.ts";
import { crc32c } from "../../../../src/protocol/iscsi/digest.ts";
import { withDevice } from "../../../support/device.ts";
import { lengthOf, newCartridge, removeScratchFolders, rig, type Rig } from "./rig.ts";

removeScratchFolders();

const READY = "00 00 00 00 00 00";
const REWIND = "01 00 00 00 00 00";

describe("loading", () => {
  test("an empty drive, then a cartridge, then none", async () => {
    const made = await rig();
    expect(await made.do(READY)).toBe("GOOD");
    const cartridge = await made.drive.remove();
    expect(await made.do(READY)).toBe("2/3A/00");
    expect(await made.write("x")).toBe("2/3A/00");
    await made.drive.insert(cartridge);
    expect((await made.send("12 00 00 0024 00", { room: 36 })).result).toBe("GOOD");
    expect(await made.do(READY)).toBe("6/28/00");
    expect(await made.do(READY)).toBe("GOOD");
  });

  test("every nexus hears of a new medium once", async () => {
    const made = await rig();
    const other = made.fixture.connect("other");
    await made.send(READY, { by: other });
    await made.drive.insert(await made.drive.remove());
    for (const by of [made.initiator, other]) {
      expect((await made.send(READY, { by })).result).toBe("6/28/00");
      expect((await made.send(READY, { by })).result).toBe("GOOD");
    }
  });

  test("UNLOAD, HOLD, LOAD, and PREVENT", async () => {
    const made = await rig();
    await made.write("x");
    expect(await made.do("1e 00 00 00 01 00")).toBe("GOOD");
    expect(await made.do("1b 00 00 00 00 00")).toBe("5/53/02");
    await expect(made.drive.remove()).rejects.toMatchObject({ code: "REMOVAL_PREVENTED" });
    expect(await made.do("1e 00 00 00 00 00")).toBe("GOOD");
    expect(await made.do("1b 00 00 00 08 00")).toBe("GOOD");
    expect(await made.do(READY)).toBe("2/04/02");
    expect(await made.do("1b 00 00 00 01 00")).toBe("GOOD");
    expect(await made.do(READY)).toBe("6/28/00");
    expect((await made.read(1)).data.toString()).toBe("x");
    expect(await made.do("1b 00 00 00 00 00")).toBe("GOOD");
    expect(await made.do(READY)).toBe("2/3A/00");
    expect(await made.do("1b 00 00 00 05 00")).toBe("5/24/00");
    expect(made.drive.cartridge?.description.barcode).toMatch(/^TST/);
    expect(made.drive.isLoaded).toBe(false);
  });

  test("what is in the drive when it is asked for or given", async () => {
    const drive = tape({ name: "empty" });
    await withDevice(drive);
    await expect(drive.remove()).rejects.toMatchObject({ code: "DRIVE_EMPTY" });
    const { cartridge } = await newCartridge();
    await drive.insert(cartridge);
    await expect(drive.insert(cartridge)).rejects.toMatchObject({ code: "DRIVE_FULL" });
    await drive.close();
    expect(() => tape({ name: "x", personality: "lto4" })).toThrow(
      expect.objectContaining({ code: "TAPE_PERSONALITY" }),
    );
  });

  test("a cleaning cartridge is used up, one cleaning a load", async () => {
    const made = await rig({}, { kind: "cleaning", densityCode: 0, cleaningsLeft: 2 });
    expect(await made.do(READY)).toBe("2/30/03");
    expect(made.drive.cartridge?.description.cleaningsLeft).toBe(1);
    await made.drive.insert(await made.drive.remove());
    expect(made.drive.cartridge?.description.cleaningsLeft).toBe(0);
  });
});

describe("which cartridge goes with which drive", () => {
  test.each([
    ["lto5", "44 r, 46 w, 58 w"],
    ["lto6", "46 r, 58 w, 5a w"],
    ["lto7", "58 r, 5a w, 5c w"],
    ["lto8", "5c w, 5e w"],
    ["lto9", "5e w, 60 w"],
  ])("%s: %s", (name, expected) => {
    const personality = TAPE_PERSONALITIES[name]!;
    const uses = [0x44, 0x46, 0x58, 0x5a, 0x5c, 0x5e, 0x60].flatMap((code) => {
      const use = useOf(personality, code);
      return use === "none" ? [] : [`${code.toString(16)} ${use[0]}`];
    });
    expect(uses.join(", ")).toBe(expected);
  });

  test("too old a cartridge is not written, one still older not read", async () => {
    const old = await rig({ personality: "lto7" }, { densityCode: 0x58 });
    expect(await old.do(READY)).toBe("GOOD");
    expect(await old.write("x")).toBe("7/30/05");
    const older = await rig({ personality: "lto9" }, { densityCode: 0x5c });
    expect(await older.do(READY)).toBe("3/30/02");
  });

  test("REPORT DENSITY SUPPORT", async () => {
    const { send } = await rig();
    const all = await send("44 00 00000000 00 0400 00", { room: 1024 });
    expect(all.data.length).toBe(4 + 2 * 52);
    expect(all.data.readUInt16BE(0)).toBe(all.data.length - 2);
    // LTO-8, written, the drive's own: 12 TB.
    const own = all.data.subarray(56);
    expect([own[0], own[2], own.readUInt32BE(12)]).toEqual([0x5e, 0xa0, 12_000_000]);
    const media = await send("44 01 00000000 00 0400 00", { room: 1024 });
    expect(media.data.length).toBe(56);
    const types = await send("44 02 00000000 00 0400 00", { room: 1024 });
    expect(types.data.length).toBe(4 + 4 * 56);
  });
});

describe("partitions", () => {
  const partition = async (made: Rig, page: string) => {
    const out = Buffer.from(`00001000${page.replaceAll(" ", "")}`, "hex");
    return (await made.send(`15 10 0000 ${lengthOf(out.length, 2)} 00`, { out })).result;
  };

  test("are made as LTFS makes them, and are apart", async () => {
    const made = await rig();
    await made.write("gone");
    expect(await made.do("04 00 01 0000 00")).toBe("5/3B/0C");
    await made.do(REWIND);
    // IDP, megabytes: 5 and what is left.
    expect(await partition(made, "110a 03 01 34 03 06 00 0005 ffff")).toBe("GOOD");
    expect(await made.do("04 00 01 0000 00")).toBe("GOOD");
    expect((await made.read(4)).result).toBe("8/00/05 4");
    await made.write("zero");
    expect(await made.do("92 02 0001 0000000000000000 0000 00 00")).toBe("GOOD");
    await made.write("one");
    await made.do("10 00 000001 00");
    await made.do("92 02 0000 0000000000000000 0000 00 00");
    expect((await made.read(4)).data.toString()).toBe("zero");
    expect(made.drive.cartridge?.description.partitions).toEqual([5e6, 64 * 1024 * 1024 - 5e6]);
    const { data } = await made.send("1a 08 11 00 ff 00", { room: 255 });
    expect(data[7]).toBe(1);
    // FORMAT 0: one again.
    await made.do(REWIND);
    expect(await made.do("04 00 00 0000 00")).toBe("GOOD");
    expect(made.drive.cartridge?.description.partitions).toEqual([64 * 1024 * 1024]);
  });

  test("are refused where there are too many, or they do not fit", async () => {
    const made = await rig();
    expect(await partition(made, "1108 03 04 20 03 00 00 0000")).toBe("5/26/00");
    await partition(made, "110a 03 01 34 03 06 00 0064 0064");
    expect(await made.do("04 00 01 0000 00")).toBe("5/26/02");
  });

  test("SET CAPACITY leaves a share of the medium", async () => {
    const made = await rig();
    await made.write("gone");
    expect(await made.do("0b 00 00 7fff 00 00")).toBe("5/3B/0C");
    await made.do(REWIND);
    expect(await made.do("0b 00 00 7fff 00 00")).toBe("GOOD");
    const [size] = made.drive.cartridge?.description.partitions ?? [];
    expect(size).toBe(Math.floor((64 * 1024 * 1024 * 0x7fff) / 0xffff));
  });
});

describe("encryption", () => {
  const setKey = async (made: Rig, key: number, modes = "02 02", kad = "") => {
    const list = [
      `0010 ${lengthOf(16 + 32 + kad.length / 2, 4)} 40 00 ${modes} 01 00 00`,
      `${"00".repeat(7)} 0020 ${lengthOf(key, 2).repeat(32)} ${kad}`,
    ].join("");
    const out = Buffer.from(list.replaceAll(" ", ""), "hex");
    const cdb = `b5 20 0010 0000 ${lengthOf(out.length, 8)} 00 00`;
    return (await made.send(cdb, { out })).result;
  };
  const page = ({ send }: Rig, code: string) =>
    send(`a2 20 ${code} 0000 00000400 00 00`, { room: 1024 });

  test("the right key reads, another or none does not, and the tape stays where it is", async () => {
    const made = await rig({ compression: true });
    expect(await setKey(made, 1, "02 02", "00010003aabbcc")).toBe("GOOD");
    const block = Buffer.from("secret ".repeat(500));
    expect(await made.write(block)).toBe("GOOD");
    await made.do(REWIND);
    expect((await page(made, "0021")).data.subarray(12, 13)).toEqual(Buffer.from([0x05]));
    expect((await made.read(3500)).data).toEqual(block);
    await made.do(REWIND);
    expect(await setKey(made, 2)).toBe("GOOD");
    expect((await made.read(3500)).result).toBe("7/74/03 3500");
    const next = await page(made, "0021");
    expect(next.data[12]).toBe(0x06);
    expect(next.data.subarray(16).toString("hex")).toBe("00010003aabbcc");
    // Both modes disabled: no key.
    expect(await setKey(made, 0, "00 00")).toBe("GOOD");
    expect((await made.read(3500)).result).toBe("7/74/01 3500");
    await setKey(made, 1);
    expect((await made.read(3500)).data).toEqual(block);
  });

  test("DECRYPT refuses what is not encrypted, MIXED reads it", async () => {
    const made = await rig();
    await made.write("open");
    await setKey(made, 1);
    await made.write("shut");
    await made.do(REWIND);
    expect((await made.read(4)).result).toBe("7/74/02 4");
    await setKey(made, 1, "02 03");
    expect((await made.read(4)).data.toString()).toBe("open");
    expect((await made.read(4)).data.toString()).toBe("shut");
  });

  test("what is on the medium is not the data", async () => {
    const made = await rig();
    await setKey(made, 1);
    await made.write("very secret words");
    await made.do("10 00 000001 00");
    const fs = await import("node:fs");
    const log = fs.readFileSync(`${made.folder}/0-0.log`);
    expect(log.includes("secret")).toBe(false);
    expect(log.includes(Buffer.alloc(32, 1))).toBe(false);
  });

  test("pages, and what is wrong with them", async () => {
    const made = await rig();
    const status = await page(made, "0020");
    expect(status.data.subarray(4, 8).toString("hex")).toBe("00000000");
    await setKey(made, 1);
    expect((await page(made, "0020")).data.subarray(4, 8).toString("hex")).toBe("42020201");
    const capabilities = await page(made, "0010");
    expect(capabilities.data.readUInt32BE(40)).toBe(0x0001_0014);
    expect((await page(made, "0030")).result).toBe("5/24/00");
    expect(await setKey(made, 1, "03 02")).toBe("5/26/00");
    expect(await setKey(made, 1, "02 01")).toBe("5/26/00");
    expect(await setKey(made, 1, "02 02", `00010021${"00".repeat(33)}`)).toBe("5/26/00");
  });
});

describe("logical block protection", () => {
  const select = async (made: Rig, method: string) => {
    const out = Buffer.from(`000010004af0001c${method}04c0${"00".repeat(25)}`, "hex");
    return (await made.send("15 10 0000 24 00", { out })).result;
  };

  test("the Reed-Solomon CRC is linear, and that of known bytes", () => {
    // The table that IBM's reference prints has these at 01h, 80h and FFh.
    expect(reedSolomonCrc(Uint8Array.of(0x01))).toBe(0x38cf3801);
    expect(reedSolomonCrc(Uint8Array.of(0x80))).toBe(0x51475180);
    expect(reedSolomonCrc(Uint8Array.of(0xff))).toBe(0x763f76ff);
    const block = Buffer.from("any block");
    const whole = Buffer.concat([block, Buffer.alloc(4)]);
    whole.writeUInt32BE(reedSolomonCrc(block), block.length);
    expect(reedSolomonCrc(whole)).toBe(0);
  });

  test.each([
    ["CRC32C", "02", (block: Buffer, into: Buffer) => into.writeUInt32LE(crc32c(block))],
    ["RS-CRC", "01", (block: Buffer, into: Buffer) => into.writeUInt32BE(reedSolomonCrc(block))],
  ])("%s goes with the block both ways", async (_name, method, put) => {
    const made = await rig();
    expect(await select(made, method)).toBe("GOOD");
    const block = Buffer.from("a block of data");
    const check = Buffer.alloc(4);
    put(block, check);
    const sent = Buffer.concat([block, check]);
    expect(await made.write(sent)).toBe("GOOD");
    const wrong = Buffer.from(sent);
    wrong[3]! ^= 1;
    expect(await made.write(wrong)).toBe("B/10/01");
    await made.do(REWIND);
    expect((await made.read(sent.length)).data).toEqual(sent);
    expect(await select(made, "03")).toBe("5/26/00");
    expect(await select(made, "00")).toBe("GOOD");
    await made.do(REWIND);
    expect((await made.read(block.length)).data).toEqual(block);
  });
});

describe("VERIFY", () => {
  test("reads, and compares with BYTCMP", async () => {
    const made = await rig();
    await made.write("abcd");
    await made.do("10 00 000001 00");
    await made.do(REWIND);
    expect(await made.do("13 00 000004 00")).toBe("GOOD");
    expect(await made.do("13 00 000004 00")).toBe("0/00/01 FM 4");
    await made.do(REWIND);
    const compare = (text: string) => made.send("13 02 000004 00", { out: Buffer.from(text) });
    expect((await compare("abcd")).result).toBe("GOOD");
    await made.do(REWIND);
    expect((await compare("abce")).result).toBe("E/1D/00");
    await made.do(REWIND);
    expect(await made.do("13 00 000003 00")).toBe("0/00/00 ILI -1");
    expect(await made.do("13 20 000000 00")).toBe("GOOD");
  });
});

describe("INQUIRY", () => {
  test("is a drive's that LTFS knows", async () => {
    const { send } = await rig({ personality: "lto6", serial: "1234567890" });
    const { data } = await send("12 00 00 0060 00", { room: 96 });
    expect([data[0], data[1]]).toEqual([0x01, 0x80]);
    expect(data.subarray(8, 32).toString()).toBe("IBM     ULT3580-TD6     ");
    const pages = await send("12 01 00 00ff 00", { room: 255 });
    expect(pages.data.subarray(4).toString("hex")).toBe("00808386b0b1b2b5");
    for (const page of pages.data.subarray(4)) {
      const seen = await send(`12 01 ${lengthOf(page, 2)} 00ff 00`, { room: 255 });
      expect(seen.data.readUInt16BE(2)).toBe(seen.data.length - 4);
      expect([seen.data[0], seen.data[1]]).toEqual([0x01, page]);
    }
  });

  test("READ REVERSE and what there is none of are refused", async () => {
    const made = await rig();
    expect((await made.send("0f 00 000010 00", { room: 16 })).result).toBe("5/20/00");
    expect((await made.send("14 00 000010 00", { room: 16 })).result).toBe("5/20/00");
  });

  test("REPORT SUPPORTED OPERATION CODES lists what is dispatched", async () => {
    const { send } = await rig();
    const { data } = await send("a3 0c 00 00 0000 00001000 00 00", { room: 4096 });
    expect(data.readUInt32BE(0)).toBe(data.length - 4);
    const opcodes = new Set<number>();
    for (let at = 4; at < data.length; at += 8) opcodes.add(data[at] as number);
    for (const opcode of [0x08, 0x0a, 0x2b, 0x44, 0x82, 0x8c, 0x92, 0xa2]) {
      expect(opcodes).toContain(opcode);
    }
    expect(opcodes).not.toContain(0x0f);
  });
});
