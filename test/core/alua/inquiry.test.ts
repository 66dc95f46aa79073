/** How initiators find the groups: TPGS, and the Device Identification VPD page. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { DeviceHandler } from "../../../src/sdk/index.ts";
import type { LocalInitiator } from "../../../src/targets/local/index.ts";
import { handlerOf } from "../../support/device.ts";
import { toHex } from "../../support/hex.ts";
import { openPaths, settled } from "./rig.ts";

function inquiry(initiator: LocalInitiator, length: number, page?: number) {
  const cdb = [0x12, page === undefined ? 0 : 1, page ?? 0, length >> 8, length & 0xff, 0];
  return initiator.execute({ cdb, dataInLength: length });
}

/** A handler whose every INQUIRY is answered with `data`. */
function answering(data: Uint8Array): DeviceHandler {
  return handlerOf({
    exec: (command) => (command.cdb[0] === 0x12 ? command.reply(data) : { status: 0 }),
  });
}

describe("TPGS", () => {
  test.each([
    ["implicit", {}, 0x10],
    ["implicit and explicit", { setTargetPortGroups: () => true }, 0x30],
  ])("says %s", async (_name, options, expected) => {
    const { first } = await openPaths(options);
    const initiator = await settled(first);
    const { dataIn } = await inquiry(initiator, 96);
    expect((dataIn[5] as number) & 0x30).toBe(expected);
    // The rest is the handler's.
    expect(dataIn).toHaveLength(96);
    expect((dataIn[5] as number) & ~0x30).toBe(0x08);
  });

  test("goes when the device leaves its group, which is told", async () => {
    const { first, core, group } = await openPaths();
    const initiator = await settled(first);
    group.removeDevice(core.deviceOf("disk"));
    const { dataIn } = await inquiry(initiator, 96);
    expect((dataIn[5] as number) & 0x30).toBe(0);
    const { sense } = await initiator.execute({ cdb: [0, 0, 0, 0, 0, 0] });
    expect(toHex(sense.subarray(12, 14))).toBe("3f03");
  });

  test.each([0, 5, 6])("an allocation length of %i", async (length) => {
    const { first } = await openPaths();
    const initiator = await settled(first);
    const { dataIn, status } = await inquiry(initiator, length);
    expect(status).toBe(0);
    expect(dataIn).toHaveLength(length);
    if (length > 5) expect((dataIn[5] as number) & 0x30).toBe(0x10);
  });
});

/** Relative target port 1, target port group 65h. */
const PORT = "0114000400000001";
const GROUP = "0115000400000065";

describe("page 83h", () => {
  test("has the port and its group behind the handler's designators", async () => {
    const { first, second } = await openPaths();
    const page = (await inquiry(await settled(first), 252, 0x83)).dataIn;
    const pageLength = ((page[2] as number) << 8) | (page[3] as number);
    expect(page).toHaveLength(4 + pageLength);
    expect(toHex(page.subarray(-16))).toBe(PORT + GROUP);
    const other = (await inquiry(await settled(second), 252, 0x83)).dataIn;
    expect(toHex(other.subarray(-16))).toBe("01140004000000020115000400000066");
    expect(toHex(other.subarray(0, -16))).toBe(toHex(page.subarray(0, -16)));
  });

  test("of a port in no group has the port alone", async () => {
    const { first, one, core } = await openPaths();
    one.removeTarget(core.targets.get("one")!);
    const page = (await inquiry(await settled(first), 252, 0x83)).dataIn;
    expect(toHex(page.subarray(-8))).toBe(PORT);
  });

  test("other pages are the handler's", async () => {
    const { first } = await openPaths();
    const page = (await inquiry(await settled(first), 252, 0x80)).dataIn;
    expect(toHex(page)).toBe("0080000131");
  });

  test("cut by any allocation length it says how long it is", async () => {
    const designator = "010300085000000000000001";
    const handler = answering(Buffer.from(`0083000c${designator}`, "hex"));
    const { first } = await openPaths({}, handler);
    const initiator = await settled(first);
    const whole = `0083001c${designator}${PORT}${GROUP}`;
    await fc.assert(
      fc.asyncProperty(fc.nat(60), async (length) => {
        const { dataIn, status } = await inquiry(initiator, length, 0x83);
        expect(status).toBe(0);
        const expected = whole.slice(0, 2 * length);
        // Cut within the header: PAGE LENGTH may still be the handler's.
        expect(toHex(dataIn)).toBe(length < 4 ? `0083000c`.slice(0, 2 * length) : expected);
      }),
    );
  });

  test.each([
    ["the port", `00830008${PORT}`, `00830010${PORT}${GROUP}`],
    ["the group", `00830008${GROUP}`, `00830010${GROUP}${PORT}`],
    ["both", `00830010${GROUP}${PORT}`, `00830010${GROUP}${PORT}`],
    ["nothing", "00830000", `00830010${PORT}${GROUP}`],
    ["less than it says", "0083000c0103", "0083000c0103"],
    ["another page", "00800000", "00800000"],
    ["no header", "0083", "0083"],
  ])("of a handler that gives %s", async (_what, given, expected) => {
    const { first } = await openPaths({}, answering(Buffer.from(given, "hex")));
    const page = (await inquiry(await settled(first), 252, 0x83)).dataIn;
    expect(toHex(page)).toBe(expected);
  });
});
