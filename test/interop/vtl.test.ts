/** examples/vtl over iSCSI, from outside: its robot, its drive, and what the operator sees. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { parseSense } from "../../src/protocol/scsi/index.ts";
import { IscsiClient } from "../support/iscsi-client.ts";
import { Images } from "./support/images.ts";
import { runOk } from "./support/run.ts";
import type { ServerProgram } from "./support/server-program.ts";
import { toolsAreMissing } from "./support/tools.ts";
import { serveLibrary, vtl } from "./support/vtl.ts";

const NOT_READY = "2/3A/00";
const MEDIUM_CHANGED = "6/28/00";
const FILEMARK = "0/00/01";
const END_OF_DATA = "8/00/05";

let images: Images;
let folder: string;
let server: ServerProgram;

beforeAll(async () => {
  images = await Images.open();
  folder = images.path("library");
  const create = "--library autoloader --barcodes TST001L8,TST002L8 --capacity 64M --serial AB12";
  await vtl(["create", folder, ...create.split(" ")]);
  server = await serveLibrary(folder);
}, 120_000);

afterAll(async () => {
  await server?.kill();
  await images[Symbol.asyncDispose]();
});

/** `"GOOD"` or the sense, and data-in; `room` is how much of it is expected. */
async function send(
  client: IscsiClient,
  cdb: string,
  { out, room = 0 }: { readonly out?: Uint8Array; readonly room?: number } = {},
) {
  const bytes = [...Buffer.from(cdb.replaceAll(" ", ""), "hex")];
  const { status, data, sense } = await client.execute(bytes, out, room);
  if (status === 0) return { result: "GOOD", data: Buffer.from(data) };
  const { key, asc, ascq } = parseSense(sense);
  const byte = (value: number) => value.toString(16).toUpperCase().padStart(2, "0");
  return {
    result: `${key.toString(16)}/${byte(asc)}/${byte(ascq)}`,
    data: Buffer.from(data),
  };
}

/** The barcodes by element address, from READ ELEMENT STATUS with VOLTAG of one type. */
async function inventory(changer: IscsiClient, type: number): Promise<string> {
  const { data } = await send(changer, `b8 1${type} 0000 ffff 00 001000 00 00`, { room: 4096 });
  const length = data.readUInt16BE(8 + 2);
  const lines: string[] = [];
  for (let at = 16; at < data.length; at += length) {
    const barcode = data
      .toString("latin1", at + 12, at + 44)
      .replaceAll("\0", "")
      .trim();
    if (((data[at + 2] as number) & 1) === 1) {
      lines.push(`${data.readUInt16BE(at).toString(16)}=${barcode}`);
    }
  }
  return lines.join(" ");
}

describe.skipIf(toolsAreMissing("iscsi-ls", "iscsi-inq"))("libiscsi's tools", () => {
  test("iscsi-ls finds a changer and a drive", async () => {
    const portal = /iscsi:\/\/([^/]+)/.exec(server.urls[0] as string)?.[1];
    const output = await runOk("iscsi-ls", ["-s", `iscsi://${portal}`]);
    expect(output).toMatch(/^Lun:0 +Type:MEDIA_CHANGER$/m);
    expect(output).toMatch(/^Lun:1 +Type:SEQUENTIAL_ACCESS \(No media loaded\)$/m);
  });

  test("iscsi-inq tells them apart", async () => {
    const [robot, drive] = await Promise.all(server.urls.map((url) => runOk("iscsi-inq", [url])));
    expect(robot).toMatch(/^Product:AUTOLOADER/m);
    expect(robot).toContain("Peripheral Device Type:MEDIA_CHANGER");
    expect(drive).toMatch(/^Product:ULT3580-TD8/m);
    expect(drive).toMatch(/^Removable:1$/m);
  });
});

describe("a backup", () => {
  test("inventory, load, write, read, unload, by the robot and to the drive", async () => {
    const changer = await IscsiClient.open(server.urls[0] as string);
    const drive = await IscsiClient.open(server.urls[1] as string);
    const ready = async () => (await send(drive, "00 00 00 00 00 00")).result;
    expect(await inventory(changer, 2)).toBe("1000=TST001L8 1001=TST002L8");
    expect(await ready()).toBe(NOT_READY);
    expect((await send(changer, "a5 00 0000 1001 0100 0000 00 00")).result).toBe("GOOD");
    expect(await inventory(changer, 4)).toBe("100=TST002L8");
    expect([await ready(), await ready()]).toEqual([MEDIUM_CHANGED, "GOOD"]);
    const block = Buffer.from("a block of a backup ".repeat(2000));
    const length = block.length.toString(16).padStart(6, "0");
    for (let i = 0; i < 3; i++) {
      expect((await send(drive, `0a 00 ${length} 00`, { out: block })).result).toBe("GOOD");
    }
    expect((await send(drive, "10 00 000001 00")).result).toBe("GOOD");
    expect((await send(drive, "01 00 000000 00")).result).toBe("GOOD");
    const read = () => send(drive, `08 00 ${length} 00`, { room: block.length });
    for (let i = 0; i < 3; i++) expect(await read()).toEqual({ result: "GOOD", data: block });
    expect((await read()).result).toBe(FILEMARK);
    expect((await read()).result).toBe(END_OF_DATA);
    const list = await vtl(["list", folder]);
    expect(list).toMatch(/^drive:1 +256 +TST002L8 +data +slot:2$/m);
    // The operator takes it out, and the hosts hear of it.
    expect(await vtl(["unload", folder, "drive:1"])).toBe("drive:1 slot:2\n");
    expect(await ready()).toBe(NOT_READY);
    expect(await inventory(changer, 2)).toMatch(/1001=TST002L8|^$/);
    changer.close();
    drive.close();
  });
});
