/** REPORT TARGET PORT GROUPS, byte for byte. */
import { describe, expect, test } from "vitest";

import { senseText } from "../../support/bench.ts";
import { handlerOf, readyDevice } from "../../support/device.ts";
import { toHex } from "../../support/hex.ts";
import { openPaths, reportTargetPortGroups, settled } from "./rig.ts";

/** Group 101, active, of port 1; group 102, non-optimized, of port 2. T_SUP to AO_SUP are CFh. */
const GROUPS = "00cf0065000000010000000101cf00660000000100000002";

describe("the data", () => {
  test.each([
    ["length only", 0, `00000018${GROUPS}`],
    ["extended", 1, `0000001c10000000${GROUPS}`],
  ])("with the %s header", async (_name, format, expected) => {
    const { first } = await openPaths();
    const initiator = await settled(first);
    const { dataIn } = await initiator.execute({
      cdb: reportTargetPortGroups(252, format),
      dataInLength: 252,
    });
    expect(toHex(dataIn)).toBe(expected);
  });

  test.each([
    ["length only", 0, "00000000"],
    ["extended", 1, "0000000410000000"],
  ])("without a device group are the %s header alone", async (_name, format, expected) => {
    const { initiator } = await readyDevice(handlerOf());
    const request = { cdb: reportTargetPortGroups(252, format), dataInLength: 252 };
    expect(toHex((await initiator.execute(request)).dataIn)).toBe(expected);
  });

  test.each([0, 3, 4, 9, 28, 29])("are cut to an allocation length of %i", async (length) => {
    const { first } = await openPaths();
    const initiator = await settled(first);
    const { dataIn, status } = await initiator.execute({
      cdb: reportTargetPortGroups(length),
      dataInLength: length,
    });
    expect(status).toBe(0);
    expect(toHex(dataIn)).toBe(`00000018${GROUPS}`.slice(0, 2 * length));
  });

  test("tell the state, the preferred group, where a change came from, and all ports", async () => {
    const { first, one, two } = await openPaths();
    const initiator = await settled(first);
    one.setPreferred(true);
    two.setState("offline");
    two.addRemoteTarget(300);
    const request = { cdb: reportTargetPortGroups(), dataInLength: 252 };
    // The changes are a unit attention first.
    expect(senseText((await initiator.execute(request)).sense)).toBe("6/2A/06");
    const { dataIn } = await initiator.execute(request);
    expect(toHex(dataIn)).toBe("0000001c80cf006500000001000000010ecf006600020002000000020000012c");
  });
});

test.each([2, 7])("PARAMETER DATA FORMAT %i is not there", async (format) => {
  const { first } = await openPaths();
  const initiator = await settled(first);
  const { sense } = await initiator.execute({
    cdb: reportTargetPortGroups(252, format),
    dataInLength: 252,
  });
  expect(senseText(sense)).toBe("5/24/00");
  // Byte 1, bit 7 of the CDB.
  expect(toHex(sense.subarray(15, 18))).toBe("cf0001");
});
