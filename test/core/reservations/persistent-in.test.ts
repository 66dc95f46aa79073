import { expect, test } from "vitest";
import { MemoryStateStore } from "../../../src/core/reservations/state-store.ts";
import { ALL_TYPES, fromHex, say, Stage, toHex } from "./support.ts";

function registered(): Stage {
  const stage = new Stage({ store: new MemoryStateStore() });
  stage.out("A1", { action: "REGISTER", newKey: 0x1122_3344_5566_7788n, aptpl: true });
  stage.out("B2", { action: "REGISTER", newKey: 2, aptpl: true });
  return stage;
}

const ALICE = "45000030 69716e2e323032342d30312e6e65742e6578616d706c653a616c6963652c692c3078";
const BOB = "45000030 69716e2e323032342d30312e6e65742e6578616d706c653a626f622c692c3078";
const ID_ALICE = `${ALICE} 303030323364303130303030 00 00`;
const ID_BOB = `${BOB} 343030303031333730303032 00 000000`;

type Read = "READ_KEYS" | "READ_RESERVATION" | "REPORT_CAPABILITIES" | "READ_FULL_STATUS";

test.each<[string, Read, reserve: number | undefined, data: string]>([
  ["READ KEYS", "READ_KEYS", undefined, "00000002 00000010 1122334455667788 0000000000000002"],
  ["READ RESERVATION, none", "READ_RESERVATION", undefined, "00000002 00000000"],
  [
    "READ RESERVATION",
    "READ_RESERVATION",
    6,
    "00000002 00000010 1122334455667788 00000000 00 06 0000",
  ],
  [
    "READ RESERVATION, all registrants",
    "READ_RESERVATION",
    7,
    "00000002 00000010 0000000000000000 00000000 00 07 0000",
  ],
  ["REPORT CAPABILITIES", "REPORT_CAPABILITIES", undefined, "0008 1d c1 ea 01 0000"],
  [
    "READ FULL STATUS, no reservation",
    "READ_FULL_STATUS",
    undefined,
    `00000002 00000098
     1122334455667788 00000000 00 00 00000000 0001 00000034 ${ID_ALICE}
     0000000000000002 00000000 00 00 00000000 0002 00000034 ${ID_BOB}`,
  ],
  [
    "READ FULL STATUS",
    "READ_FULL_STATUS",
    1,
    `00000002 00000098
     1122334455667788 00000000 01 01 00000000 0001 00000034 ${ID_ALICE}
     0000000000000002 00000000 00 00 00000000 0002 00000034 ${ID_BOB}`,
  ],
  [
    "READ FULL STATUS, all registrants",
    "READ_FULL_STATUS",
    8,
    `00000002 00000098
     1122334455667788 00000000 01 08 00000000 0001 00000034 ${ID_ALICE}
     0000000000000002 00000000 01 08 00000000 0002 00000034 ${ID_BOB}`,
  ],
])("%s", (_name, action, type, data) => {
  const stage = registered();
  if (type !== undefined) stage.out("A1", { action: "RESERVE", key: 0x1122_3344_5566_7788n, type });
  const outcome = stage.in("B1", action);
  expect(say(outcome)).toBe("GOOD");
  expect(toHex(outcome.data ?? new Uint8Array(0))).toBe(toHex(fromHex(data)));
});

test("nothing registered", () => {
  const stage = new Stage();
  expect(toHex(stage.in("A1", "READ_KEYS").data!)).toBe("0000000000000000");
  expect(toHex(stage.in("A1", "READ_FULL_STATUS").data!)).toBe("0000000000000000");
  // Without a store reservations don't persist.
  expect(toHex(stage.in("A1", "REPORT_CAPABILITIES").data!)).toBe("00081cc0ea010000");
});

test.each([0x04, 0x1f])("service action %i is none", (action) => {
  expect(say(new Stage().in("A1", action))).toBe("5/24/00 cdb 1.4");
});

test.each(ALL_TYPES)("anybody may read under type %i", (type) => {
  const stage = registered();
  stage.out("B2", { action: "RESERVE", key: 2, type });
  expect(say(stage.in("A2", "READ_RESERVATION"))).toBe("GOOD");
});

test("PTPL_A is the last APTPL", () => {
  const stage = registered();
  stage.out("B2", { action: "REGISTER", key: 2, newKey: 2 });
  expect(stage.in("A1", "REPORT_CAPABILITIES").data?.[3]).toBe(0xc0);
});
