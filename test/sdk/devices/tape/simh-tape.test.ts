/** Images in SIMH's format, and the look at a whole cartridge. */
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { readSimhTape, writeSimhTape } from "../../../../src/sdk/devices/tape/simh-tape.ts";
import { verifyTape } from "../../../../src/sdk/devices/tape/tape-contents.ts";
import type { Cartridge } from "../../../../src/sdk/storage/cartridge/cartridge.ts";
import { openCartridge } from "../../../../src/sdk/storage/cartridge/cartridge-folder.ts";
import { newCartridge, removeScratchFolders, rig } from "./rig.ts";

removeScratchFolders();

const quiet = () => undefined;

async function imageOf(cartridge: Cartridge): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  await writeSimhTape(cartridge, (bytes) => Promise.resolve(void parts.push(bytes.slice())), quiet);
  return Buffer.concat(parts);
}

function reader(image: Buffer): (length: number) => Promise<Uint8Array> {
  let at = 0;
  return (length) => Promise.resolve(image.subarray(at, (at += length)));
}

const hex = (text: string) => Buffer.from(text.replaceAll(/[^\da-f]/g, ""), "hex");

describe("SIMH's images", () => {
  /** Three bytes are padded to four. */
  const IMAGE = hex("03000000 616263 00 03000000  00000000  02000000 7071 02000000  ffffffff");

  test("have records, tape marks and an end", async () => {
    const { drive, write, do: run } = await rig();
    await write("abc");
    await run("10 00 000001 00");
    await write("pq");
    const cartridge = await drive.remove();
    expect(await imageOf(cartridge)).toEqual(IMAGE);
    await cartridge.close();
  });

  test.each([
    ["an image", IMAGE],
    ["one without an end", IMAGE.subarray(0, -4)],
    ["one with a gap in it", Buffer.concat([hex("feffffff"), IMAGE])],
    ["one with something behind its end", Buffer.concat([IMAGE, hex("05000000")])],
  ])("%s becomes a tape", async (_name, image) => {
    const { cartridge } = await newCartridge();
    expect(await readSimhTape(cartridge, reader(image))).toEqual({
      blocks: 2,
      filemarks: 1,
      bytes: 5,
      encrypted: 0,
    });
    expect(await imageOf(cartridge)).toEqual(IMAGE);
    await cartridge.close();
  });

  test("long blocks, compressed, come out as they went in", async () => {
    const { cartridge } = await newCartridge();
    const block = Buffer.from("a line of text\n".repeat(20_000));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(block.length);
    const image = Buffer.concat([length, block, length, hex("ffffffff")]);
    await readSimhTape(cartridge, reader(image));
    expect(cartridge.partitions[0]!.usedBytes).toBeLessThan(10_000);
    expect((await imageOf(cartridge)).equals(image)).toBe(true);
    await cartridge.close();
  });

  test.each([
    ["03000000 616263 00 04000000", "record 0 of the image: its length at its end is another"],
    ["00000000 03000000 6162", "record 1 of the image: the image ends in it"],
    ["0300", "record 0 of the image: the image ends in it"],
    ["03000080 616263 00 03000080", "record 0 of the image: its class is 8"],
    ["01008000", "record 0 of the image: it has 8388609 bytes"],
  ])("%s: %s", async (image, message) => {
    const { cartridge } = await newCartridge();
    const reading = readSimhTape(cartridge, reader(hex(image)));
    await expect(reading).rejects.toMatchObject({ code: "SIMH_TAPE" });
    await expect(reading).rejects.toThrow(message);
    await cartridge.close();
  });

  test("a cartridge that is too small, or not blank", async () => {
    const { cartridge } = await newCartridge({ capacityBytes: 100 });
    const reading = readSimhTape(cartridge, reader(IMAGE));
    await expect(reading).rejects.toMatchObject({ code: "CARTRIDGE_FULL" });
    const again = readSimhTape(cartridge, reader(IMAGE));
    await expect(again).rejects.toMatchObject({ code: "CARTRIDGE_NOT_BLANK" });
    await cartridge.close();
  });
});

describe("verifyTape", () => {
  test("counts what there is, and tells what can't be read", async () => {
    const { drive, folder, write, do: run } = await rig();
    await write("abc");
    await write(Buffer.alloc(5000, 7));
    await run("10 00 000001 00");
    const cartridge = await drive.remove();
    const seen: string[] = [];
    const whole = await verifyTape(cartridge, (done, all) => seen.push(`${done}/${all}`));
    expect(whole).toEqual({ blocks: 2, filemarks: 1, bytes: 5003, encrypted: 0, damaged: [] });
    expect(seen).toEqual(["1/3", "2/3", "3/3"]);
    await cartridge.close();
    const path = join(folder, "0-0.log");
    const bytes = fs.readFileSync(path);
    bytes[bytes.indexOf("abc")]! ^= 1;
    fs.writeFileSync(path, bytes);
    const again = await openCartridge(folder);
    expect((await verifyTape(again, quiet)).damaged).toEqual(["partition 0, object 0"]);
    await expect(imageOf(again)).rejects.toThrow("object 0 is damaged: an image can't have it");
    await again.close();
  });
});
