import { describe, expect, test } from "vitest";

import {
  AllCommandsHeader,
  commandsOf,
  DEVICE_TYPE,
  ElementStatusHeader,
  SendVolumeTagParameters,
} from "../../../../src/protocol/scsi/index.ts";
import { templateOf } from "../../../../src/sdk/devices/changer/volume-tag.ts";
import { removeScratchFolders, rig, type Rig } from "./rig.ts";

removeScratchFolders();

const ROOM = 4096;
const asked = async (bench: Rig, cdb: string, room = ROOM) =>
  await bench.send(cdb, { room: Math.min(room, ROOM) });

/** `1: 0001` for each page: the type, and the addresses of its descriptors. */
function pagesOf(data: Buffer): string[] {
  const pages: string[] = [];
  for (let at = ElementStatusHeader.size; at + 8 <= data.length;) {
    const size = data.readUInt16BE(at + 2);
    const end = at + 8 + data.readUIntBE(at + 5, 3);
    const addresses: string[] = [];
    for (let one = at + 8; one + size <= Math.min(end, data.length); one += size) {
      addresses.push(data.subarray(one, one + 2).toString("hex"));
    }
    pages.push(`${data[at]}: ${addresses.join(" ")}`);
    at = end;
  }
  return pages;
}

const PICKER = "1: 0001";
const MAIL = "3: 0010 0011";
const DRIVES = "4: 0100 0101";
const SLOTS = "2: 1000 1001 1002 1003 1004";

describe("READ ELEMENT STATUS", () => {
  test.each([
    ["b8 10 0000 ffff 00 001000 00 00", [PICKER, MAIL, DRIVES, SLOTS]],
    ["b8 00 0000 ffff 02 001000 00 00", [PICKER, MAIL, DRIVES, SLOTS]],
    ["b8 01 0000 ffff 00 001000 00 00", [PICKER]],
    ["b8 02 0000 ffff 00 001000 00 00", [SLOTS]],
    ["b8 03 0000 ffff 00 001000 00 00", [MAIL]],
    ["b8 04 0000 ffff 00 001000 00 00", [DRIVES]],
    ["b8 02 1002 0002 00 001000 00 00", ["2: 1002 1003"]],
    ["b8 02 0101 0001 00 001000 00 00", ["2: 1000"]],
    ["b8 00 0011 0003 00 001000 00 00", ["3: 0011", DRIVES]],
    ["b8 00 1004 ffff 00 001000 00 00", ["2: 1004"]],
    ["b8 00 0000 0000 00 001000 00 00", []],
  ])("%s", async (cdb, pages) => {
    const { result, data } = await asked(await rig(), cdb);
    expect(result).toBe("GOOD");
    const { length } = data;
    expect(pagesOf(data)).toEqual(pages);
    expect(ElementStatusHeader.view(data)).toMatchObject({
      byteCountOfReportAvailable: length - ElementStatusHeader.size,
      numberOfElementsAvailable: pages.flatMap((page) => page.split(" ").slice(1)).length,
    });
  });

  test.each([
    ["b8 05 0000 ffff 00 001000 00 00", "5/24/00 CDB 1.3"],
    ["b8 00 1005 ffff 00 001000 00 00", "5/21/01 CDB 2"],
    ["b8 01 0002 ffff 00 001000 00 00", "5/21/01 CDB 2"],
    ["b8 20 0000 ffff 00 001000 00 00", "5/24/00 CDB 1.5"],
    ["b8 00 0000 ffff 80 001000 00 00", "5/24/00 CDB 6.7"],
  ])("%s: %s", async (cdb, outcome) => {
    expect((await asked(await rig(), cdb)).result).toBe(outcome);
  });

  test("an element by each of its bytes", async () => {
    const bench = await rig();
    await bench.move(0x1001, 0x0100);
    const bytes = async (cdb: string) => (await asked(bench, cdb)).data.toString("hex");
    expect(await bytes("b8 00 0100 0001 00 001000 00 00")).toBe(
      "0100000100000018040000100000001001000900000000000081100100000000",
    );
    const tag = `${Buffer.from("AAA002L8".padEnd(32)).toString("hex")}00000000`;
    expect(await bytes("b8 10 0100 0001 00 001000 00 00")).toBe(
      `010000010000003c0480003400000034010009000000000000811001${tag}00000000`,
    );
    const identifier = Buffer.from("IBM     ULT3580-TD8     DRIVE0000D1").toString("hex");
    expect(await bytes("b8 00 0100 0001 01 001000 00 00")).toBe(
      `010000010000003b040000330000003301000900000000000081100102010023${identifier}`,
    );
    // A cleaning cartridge in a slot, and a slot without a tag.
    expect(await bytes("b8 02 1002 0001 00 001000 00 00")).toBe(
      "1002000100000018020000100000001010020900000000000002000000000000",
    );
    expect(await bytes("b8 12 1003 0001 00 001000 00 00")).toBe(
      `100300010000003c02800034000000341003080000000000000000${"00".repeat(41)}`,
    );
  });

  test.each([0, 4, 8, 15, 16, 20, 33, 68, 200])("cut to %i bytes", async (room) => {
    const bench = await rig();
    const { data: whole } = await asked(bench, "b8 10 0000 ffff 01 001000 00 00");
    const length = room.toString(16).padStart(6, "0");
    const { result, data } = await asked(bench, `b8 10 0000 ffff 01 ${length} 00 00`);
    expect(result).toBe("GOOD");
    expect(data.toString("hex")).toBe(whole.subarray(0, room).toString("hex"));
  });
});

describe("SEND VOLUME TAG and REQUEST VOLUME ELEMENT ADDRESS", () => {
  const send = async (
    bench: Rig,
    template: string,
    { action = 5, type = 0, from = 0, min = 0 },
  ) => {
    const out = SendVolumeTagParameters.encode({
      volumeIdentificationTemplate: template,
      minimumVolumeSequenceNumber: min,
      maximumVolumeSequenceNumber: 0xffff,
    });
    const word = (value: number, size: number) => value.toString(16).padStart(size, "0");
    const cdb = `b6 ${word(type, 2)} ${word(from, 4)} 00 ${word(action, 2)} 0000 0028 00 00`;
    return (await bench.send(cdb, { out })).result;
  };
  const request = (bench: Rig) => asked(bench, "b5 10 0000 ffff 00 001000 00 00");

  test.each([
    ["AAA*", {}, ["2: 1000 1001"]],
    ["*", {}, [SLOTS.slice(0, 17)]],
    ["AAA00?L8", { from: 0x1001 }, ["2: 1001"]],
    ["AAA001L8", {}, ["2: 1000"]],
    ["AAA001L8", { type: 3 }, []],
    ["AAA001L8", { action: 0 }, ["2: 1000"]],
    ["AAA001L8", { action: 1, min: 1 }, []],
    ["AAA001L8", { action: 6 }, []],
    ["B*", {}, []],
  ])("%s %j", async (template, more, pages) => {
    const bench = await rig();
    expect(await send(bench, template, more)).toBe("GOOD");
    const { result, data } = await request(bench);
    expect(result).toBe("GOOD");
    expect(pagesOf(data)).toEqual(pages);
    expect(data[4]).toBe((more as { action?: number }).action ?? 5);
  });

  test("asked for too early, after a move, and by others", async () => {
    const bench = await rig();
    expect((await request(bench)).result).toBe("5/2C/00");
    expect(await send(bench, "*", {})).toBe("GOOD");
    const other = bench.fixture.connect("other");
    await bench.do("00 00 00 00 00 00", other);
    expect(await bench.do("b5 00 0000 ffff 00 000000 00 00", other)).toBe("5/2C/00");
    expect((await request(bench)).result).toBe("GOOD");
    await bench.move(0x1000, 0x1004);
    expect((await request(bench)).result).toBe("5/2C/00");
  });

  test.each([
    ["b6 00 0000 00 08 0000 0028 00 00", "5/24/00 CDB 5.4"],
    ["b6 05 0000 00 05 0000 0028 00 00", "5/24/00 CDB 1.3"],
    ["b6 00 0000 00 05 0000 0027 00 00", "5/1A/00"],
    ["b6 00 0000 00 05 0000 0000 00 00", "5/1A/00"],
  ])("%s: %s", async (cdb, outcome) => {
    const out = new Uint8Array(Number.parseInt(cdb.slice(23, 27), 16));
    expect((await (await rig()).send(cdb, { out })).result).toBe(outcome);
  });

  test.each([
    ["", "", true],
    ["", "A", false],
    ["*A*B", "XAYAB", true],
    ["*A*B", "XAYBA", false],
    ["A?", "A", false],
    ["**", "", true],
    ["A*  ", "ABC", true],
    [`${"*A".repeat(15)}*B`, "A".repeat(32), false],
  ])("template %j of %j: %s", (template, text, expected) => {
    expect(templateOf(template)(text)).toBe(expected);
  });
});

describe("what hosts ask a changer first", () => {
  test("MODE SENSE and MODE SELECT: the addresses, no rotation, from everywhere to everywhere", async () => {
    const bench = await rig();
    const sense = async (cdb: string) => (await asked(bench, cdb)).data.toString("hex");
    const addresses = "1d120001000110000005001000020100000200001e020000";
    const geometry = addresses.slice(40);
    const page1d = addresses.slice(0, 40);
    const page1f = "1f120e00000e0e0e00000000000e0e0e00000000";
    expect(await sense("1a 08 1d 00 ff 00")).toBe(`17000000${page1d}`);
    expect(await sense("1a 08 1e 00 ff 00")).toBe(`07000000${geometry}`);
    expect(await sense("1a 08 1f 00 ff 00")).toBe(`17000000${page1f}`);
    expect(await sense("5a 08 3f 00 000000 0100 00")).toBe(
      `0032000000000000${page1d}${geometry}${page1f}`,
    );
    expect(await sense("1a 08 5d 00 ff 00")).toBe(`170000001d12${"00".repeat(18)}`);
    expect((await asked(bench, "1a 08 dd 00 ff 00")).result).toBe("5/39/00");
    expect((await asked(bench, "1a 08 08 00 ff 00")).result).toBe("5/24/00 CDB 2.5");
    const select = async (list: string) =>
      (
        await bench.send(`15 10 00 00 ${(list.length / 2).toString(16).padStart(2, "0")} 00`, {
          out: Buffer.from(list, "hex"),
        })
      ).result;
    expect(await select(`00000000${page1d}`)).toBe("GOOD");
    expect(await select(`00000000${page1d.replace("10000005", "20000005")}`)).toBe(
      "5/26/00 list 10.5",
    );
    expect(await select(`00000000${page1d.slice(0, 20)}`)).toBe("5/1A/00");
    expect(await select("000000000812")).toBe("5/26/00 list 4.5");
    expect(await select("0000")).toBe("5/1A/00");
  });

  test("INQUIRY, serial number and designators", async () => {
    const bench = await rig();
    const { data } = await asked(bench, "12 00 00 0060 00");
    expect(data[0]).toBe(DEVICE_TYPE.CHANGER);
    expect(data.subarray(8, 36).toString()).toBe("SCST_TS 3573-TL         0.1 ");
    expect(data[55]).toBe(1);
    expect((await asked(bench, "12 01 00 00ff 00")).data.toString("hex")).toBe("08000003008083");
    const serial = (await asked(bench, "12 01 80 00ff 00")).data.subarray(4).toString();
    expect(serial).toMatch(/^[0-9a-f]{16}$/);
    const { data: page } = await asked(bench, "12 01 83 00ff 00");
    expect(page.toString("latin1")).toContain(`SCST_TS 3573-TL         ${serial}`);
    expect((await asked(bench, "12 01 b0 00ff 00")).result).toBe("5/24/00 CDB 2");
  });

  test("LOG SENSE: the pages, and TapeAlert's 32 flags", async () => {
    const bench = await rig();
    const log = async (cdb: string) => (await asked(bench, cdb)).data;
    expect((await log("4d 00 40 00 00 0000 0100 00")).toString("hex")).toBe("80000002002e");
    const alerts = await log("4d 00 6e 00 00 0000 0400 00");
    expect(alerts.length).toBe(4 + 32 * 5);
    expect(alerts.subarray(0, 9).toString("hex")).toBe("ae0000a00001030100");
    expect((await asked(bench, "4d 00 42 00 00 0000 0100 00")).result).toBe("5/24/00 CDB 2.5");
  });

  test("REPORT SUPPORTED OPERATION CODES names what it has, and it has what it names", async () => {
    const bench = await rig();
    const { data } = await asked(bench, "a3 0c 00 00 0000 00001000 00 00");
    const count = AllCommandsHeader.view(data).commandDataLength / 8;
    const opcodes = new Set(Array.from({ length: count }, (_, i) => data[4 + i * 8] as number));
    for (const opcode of [0x07, 0x1b, 0x2b, 0x37, 0xa5, 0xa6, 0xb5, 0xb6, 0xb8, 0x5e, 0xa0]) {
      expect(opcodes).toContain(opcode);
    }
    for (const { opcode, cdbLength, serviceAction } of commandsOf(DEVICE_TYPE.CHANGER)) {
      if (serviceAction !== undefined || opcodes.has(opcode)) continue;
      const cdb = opcode.toString(16).padStart(2, "0") + "00".repeat(cdbLength - 1);
      expect([cdb, await bench.do(cdb)]).toEqual([cdb, "5/20/00"]);
    }
  });
});
