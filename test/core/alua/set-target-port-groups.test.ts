/** SET TARGET PORT GROUPS: the program decides, now or later. */
import { describe, expect, test } from "vitest";

import type { SetTargetPortGroupsRequest } from "../../../src/core/index.ts";
import { senseText } from "../../support/bench.ts";
import { handlerOf, readyDevice } from "../../support/device.ts";
import { toHex } from "../../support/hex.ts";
import {
  heard,
  openPaths,
  reportTargetPortGroups,
  setTargetPortGroups as request,
  settled,
} from "./rig.ts";

const ACTIVE = 0;
const STANDBY = 2;

function deferred() {
  let settle: (made: boolean) => void = () => undefined;
  const promise = new Promise<boolean>((resolve) => {
    settle = resolve;
  });
  return { promise, settle };
}

describe("the program", () => {
  test("is told what is asked for, and the core makes the change", async () => {
    const asked: string[] = [];
    const setTargetPortGroups = ({ session, device, changes }: SetTargetPortGroupsRequest) => {
      for (const { targetGroup, from, to } of changes) {
        asked.push(`${session.name} ${device.name} ${targetGroup.name}: ${from} to ${to}`);
      }
      return true;
    };
    const { first, second, one, two } = await openPaths({ setTargetPortGroups });
    const [a, other, b] = [
      await settled(first),
      await settled(first, "other"),
      await settled(second),
    ];
    const set = await a.execute(request([STANDBY, 101], [ACTIVE, 102]));
    expect(set.status).toBe(0);
    expect(asked).toEqual([
      "initiator disk left: active to standby",
      "initiator disk right: nonoptimized to active",
    ]);
    expect([one.state, two.state]).toEqual(["standby", "active"]);
    // Not who asked; its port is in standby now.
    const report = { cdb: reportTargetPortGroups(), dataInLength: 252 };
    const { dataIn } = await a.execute(report);
    expect(toHex(dataIn)).toBe("0000001802cf0065000100010000000100cf00660001000100000002");
    expect(await heard(b)).toEqual(["6/2A/06"]);
    one.restoreState("active");
    expect(await heard(a)).toEqual([]);
    expect(await heard(other)).toEqual(["6/2A/06"]);
  });

  test("may take its time: the groups are in transition", async () => {
    const { promise, settle } = deferred();
    const { first, second, one, two } = await openPaths({
      setTargetPortGroups: () => promise,
    });
    const [a, b] = [await settled(first), await settled(second)];
    const set = a.execute(request([STANDBY, 101]));
    expect([one.state, two.state]).toEqual(["transitioning", "nonoptimized"]);
    // As in SCST the device does nothing else meanwhile, by whatever path.
    const other = heard(b);
    const refused = a.execute({ cdb: [0, 0, 0, 0, 0, 0] });
    settle(true);
    expect((await set).status).toBe(0);
    expect(await other).toEqual(["6/2A/06"]);
    expect(senseText((await refused).sense)).toBe("2/04/0B");
    expect(one.state).toBe("standby");
  });

  test.each([
    ["false", () => false],
    ["false, later", () => Promise.resolve(false)],
    [
      "an error",
      () => {
        throw new Error("no");
      },
    ],
    ["an error, later", () => Promise.reject(new Error("no"))],
  ])("may refuse by %s", async (_how, setTargetPortGroups) => {
    const { first, second, one } = await openPaths({ setTargetPortGroups });
    const [a, b] = [await settled(first), await settled(second)];
    const { sense } = await a.execute(request([STANDBY, 101]));
    expect(senseText(sense)).toBe("4/67/0A");
    expect(one.state).toBe("active");
    expect([await heard(a), await heard(b)]).toEqual([[], []]);
  });

  test("may set another state itself", async () => {
    const { first, one } = await openPaths({
      setTargetPortGroups: ({ changes }) => {
        changes[0]?.targetGroup.setState("unavailable");
        return true;
      },
    });
    const a = await settled(first);
    expect((await a.execute(request([STANDBY, 101]))).status).toBe(0);
    expect(one.state).toBe("unavailable");
  });

  test("is not asked where nothing would change", async () => {
    let asked = 0;
    const setTargetPortGroups = () => {
      asked++;
      return true;
    };
    const { first } = await openPaths({ setTargetPortGroups });
    const a = await settled(first);
    expect((await a.execute(request([ACTIVE, 101]))).status).toBe(0);
    expect((await a.execute(request())).status).toBe(0);
    const empty = { cdb: [0xa4, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] };
    expect((await a.execute(empty)).status).toBe(0);
    expect(asked).toBe(0);
  });
});

describe("refused is", () => {
  const tooMany = Array.from({ length: 65 }, (_, i) => [STANDBY, 101 + i] as const);
  const short = { cdb: [0xa4, 0x0a, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0], dataOut: new Uint8Array(3) };
  const odd = { cdb: [0xa4, 0x0a, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0], dataOut: new Uint8Array(6) };

  test.each([
    ["an unknown group", request([STANDBY, 7]), "5/26/00", "800006"],
    ["group 0", request([STANDBY, 0]), "5/26/00", "800006"],
    ["a group named twice", request([STANDBY, 101], [ACTIVE, 101]), "5/26/00", "80000a"],
    ["LBA-dependent", request([4, 101]), "5/26/00", "8b0004"],
    ["offline", request([0xe, 101]), "5/26/00", "8b0004"],
    ["transitioning", request([0xf, 102], [STANDBY, 101]), "5/26/00", "8b0004"],
    ["a list without its head", short, "5/1A/00", "000000"],
    ["half a descriptor", odd, "5/1A/00", "000000"],
    ["a list beyond the limit", request(...tooMany), "5/24/00", "c00006"],
  ])("%s", async (_what, wrong, expected, pointer) => {
    const setTargetPortGroups = () => true;
    const { first, one, two } = await openPaths({ setTargetPortGroups });
    const a = await settled(first);
    const { sense } = await a.execute({ ...wrong, cdb: withLength(wrong) });
    expect(senseText(sense)).toBe(expected);
    expect(toHex(sense.subarray(15, 18))).toBe(pointer);
    expect([one.state, two.state]).toEqual(["active", "nonoptimized"]);
  });

  test("everything where it is not configured", async () => {
    const { first } = await openPaths();
    const a = await settled(first);
    const { sense } = await a.execute(request([STANDBY, 101]));
    expect([senseText(sense), toHex(sense.subarray(15, 18))]).toEqual(["5/24/00", "cc0001"]);
    const { initiator } = await readyDevice(handlerOf());
    const without = await initiator.execute(request([STANDBY, 101]));
    expect(senseText(without.sense)).toBe("5/24/00");
  });
});

function withLength({ cdb, dataOut }: { cdb: readonly number[]; dataOut: Uint8Array }): number[] {
  return [...cdb.slice(0, 8), dataOut.length >> 8, dataOut.length & 0xff, ...cdb.slice(10)];
}
