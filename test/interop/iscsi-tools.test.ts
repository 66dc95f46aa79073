/** libiscsi's small tools: discovery, INQUIRY, capacity, software write protect. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FileioTgt } from "./support/fileio-tgt.ts";
import { Images, MIB } from "./support/images.ts";
import { run, runOk } from "./support/run.ts";
import { toolsAreMissing } from "./support/tools.ts";

const SIZE = 64 * MIB;

const TOOLS = ["iscsi-ls", "iscsi-inq", "iscsi-perf", "iscsi-readcapacity16", "iscsi-swp"] as const;

describe.skipIf(toolsAreMissing(...TOOLS))("libiscsi's tools", () => {
  let images: Images;
  let server: FileioTgt;
  let url: string;

  beforeAll(async () => {
    images = await Images.open();
    const path = await images.sparse("disk.img", SIZE);
    server = await FileioTgt.start([{ name: "disk1", path }]);
    url = server.urls[0]!;
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await images[Symbol.asyncDispose]();
  });

  const vpd = (page: number) => runOk("iscsi-inq", ["-e", "1", "-c", String(page), url]);

  test("iscsi-ls finds the target, its LUN and the size", async () => {
    const output = await runOk("iscsi-ls", ["-s", `iscsi://${server.portal}`]);
    const target = /iqn\.[^/]+/.exec(url)?.[0];
    expect(output).toContain(`Target:${target} Portal:${server.portal},1`);
    expect(output).toMatch(/^Lun:0 +Type:DIRECT_ACCESS \(Size:6[34]M\)$/m);
    expect(output.match(/^Lun:/gm)).toHaveLength(1);
  });

  test("iscsi-inq reads the standard INQUIRY data", async () => {
    const output = await runOk("iscsi-inq", [url]);
    expect(output).toContain("Peripheral Qualifier:CONNECTED");
    expect(output).toContain("Peripheral Device Type:DIRECT_ACCESS");
    expect(output).toMatch(/^Removable:0$/m);
    expect(output).toMatch(/^ReponseDataFormat:2$/m);
    expect(output).toMatch(/^CmdQue:1$/m);
    expect(output).toMatch(/^Vendor:\S.{7}$/m);
    expect(output).toMatch(/^Product:\S.{15}$/m);
  });

  test("page 00h lists the pages that are there", async () => {
    const output = await vpd(0x00);
    const pages = [...output.matchAll(/^Page:0x([0-9a-f]{2}) /gm)].map(([, page]) => page);
    expect(pages).toEqual(expect.arrayContaining(["00", "80", "83", "b0", "b1"]));
    expect(pages).toEqual(pages.toSorted((a, b) => Number(`0x${a}`) - Number(`0x${b}`)));
  });

  test("page 80h is a serial number", async () => {
    expect(await vpd(0x80)).toMatch(/^Unit Serial Number:\[ *\w+ *\]/m);
  });

  test("page 83h has an NAA designator of the logical unit", async () => {
    const designators = (await vpd(0x83)).split(/^DEVICE DESIGNATOR #\d+$/m).slice(1);
    const naa = designators.filter((text) => text.includes("Designator Type:(3) NAA"));
    expect(naa).not.toEqual([]);
    expect(naa[0]).toContain("Association:(0) LOGICAL_UNIT");
    expect(naa[0]).toContain("Code Set:(1) BINARY");
  });

  test("page B0h states limits", async () => {
    const output = await vpd(0xb0);
    expect(output).toMatch(/^maximum transfer length:\d+$/m);
    expect(output).toMatch(/^optimal transfer length:\d+$/m);
  });

  test("page B1h states the rotation rate", async () => {
    expect(await vpd(0xb1)).toMatch(/^Medium Rotation Rate:/m);
  });

  test("a page that is not there is refused", async () => {
    const { code, output } = await run("iscsi-inq", ["-e", "1", "-c", String(0xb8), url]);
    expect(code).not.toBe(0);
    expect(output).toMatch(/ILLEGAL_REQUEST|INVALID_FIELD_IN_CDB/);
  });

  test("iscsi-readcapacity16 reads the size", async () => {
    const output = await runOk("iscsi-readcapacity16", [url]);
    expect(output).toContain(`RETURNED LOGICAL BLOCK ADDRESS:${SIZE / 512 - 1}\n`);
    expect(output).toContain("LOGICAL BLOCK LENGTH IN BYTES:512\n");
    expect(output).toContain(`Total size:${SIZE}\n`);
  });

  // libiscsi 1.19 knows no data digest.
  test("header digests: iscsi-ls, iscsi-readcapacity16, iscsi-perf", async () => {
    const found = await runOk("iscsi-ls", [`iscsi://${server.portal}/?header_digest=crc32c`]);
    expect(found).toContain(`Portal:${server.portal},1`);
    const digests = `${url}?header_digest=crc32c`;
    expect(await runOk("iscsi-readcapacity16", [digests])).toContain(`Total size:${SIZE}\n`);
    expect(await runOk("iscsi-perf", ["-m", "4", "-b", "8", "-r", "-t", "1", digests])).toContain(
      "finished",
    );
  });

  // The tool reads the control mode page, changes SWP in it and writes it back.
  test("iscsi-swp either changes SWP or is refused", async () => {
    expect(await runOk("iscsi-swp", [url])).toContain("SWP:0");
    const { code, output } = await run("iscsi-swp", ["-s", "on", url]);
    const after = await runOk("iscsi-swp", [url]);
    if (code === 0) {
      expect(after).toContain("SWP:1");
      await runOk("iscsi-swp", ["-s", "off", url]);
      expect(await runOk("iscsi-swp", [url])).toContain("SWP:0");
    } else {
      expect(output).toMatch(/ILLEGAL_REQUEST|INVALID_FIELD/);
      expect(after).toContain("SWP:0");
    }
  });

  test("SIGTERM ends the server with exit code 0", async () => {
    expect(await server.stop()).toMatchObject({ code: 0, signal: null });
  });
});
