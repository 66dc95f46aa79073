import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeState,
  encodeState,
  SAVED_STATE_LENGTH_MAX,
} from "../../../src/core/reservations/saved-state.ts";
import { MemoryStateStore } from "../../../src/core/reservations/state-store.ts";
import { isAllRegistrants, nexusIdentity } from "../../../src/core/reservations/state.ts";
import type { PersistentState, Registration } from "../../../src/core/reservations/state.ts";
import {
  iscsiTransportId,
  localTransportId,
  readTransportId,
} from "../../../src/core/reservations/transport-id.ts";
import { concat, fromHex, ID_A, Stage, TestNexus, toHex } from "./support.ts";

/** What an x86 machine with SCST leaves behind; an iSCSI initiator and one of scst_local. */
const HEAD = "77ddbbeeaaeeeebb 0100000000000000";
const ALICE = `45000028 69716e2e323032342d30312e6e65742e6578616d706c653a616c6963652c692c3078
  31336430323030`;
const RECORD_ALICE = `01 ${ALICE.replace("45000028", "4500002c")} 00 0000 1122334455667788 0100`;
const RECORD_LOCAL = `00 06000000 5feede400fade050 000000000000000000000000 0000000000000002 0200`;
const GOLDEN = `${HEAD} 01 01 05 00 ${RECORD_ALICE} ${RECORD_LOCAL}`;

describe("SCST's file", () => {
  test("is read", () => {
    const state = decodeState(fromHex(GOLDEN));
    expect(state.aptpl).toBe(true);
    expect(state.generation).toBe(0);
    const [alice, local] = [...state.registrations.values()];
    expect(alice).toMatchObject({ key: 0x1122_3344_5566_7788n, relativeTargetPortIdentifier: 1 });
    // The ISID is 00 02 3D 01 00 00; SCST prints it as a little-endian number.
    expect(toHex(alice!.transportId)).toBe(toHex(ID_A));
    expect(local).toMatchObject({ key: 2n, relativeTargetPortIdentifier: 2 });
    expect(state.reservation).toEqual({ type: 5, holder: alice?.identity });
  });

  test("is written again as it was", () => {
    expect(toHex(encodeState(decodeState(fromHex(GOLDEN))))).toBe(toHex(fromHex(GOLDEN)));
  });

  test("from a big-endian machine", () => {
    const bytes = fromHex(
      `bbeeeeaaeebbdd77 0000000000000001 01 01 07 00
       00 06000000 5feede400fade050 000000000000000000000000 0000000000000002 0002`,
    );
    const state = decodeState(bytes);
    expect(state.reservation).toEqual({ type: 7, holder: undefined });
    expect([...state.registrations.values()][0]?.relativeTargetPortIdentifier).toBe(2);
  });

  test("restores who holds the device", () => {
    const store = new MemoryStateStore();
    store.files.set("disk", fromHex(GOLDEN));
    const stage = new Stage({ store });
    expect(stage.picture).toBe("A1:1234605616436508552 ?:2 | type 5 by A1 | gen 0");
    expect(stage.reservations.active).toBe(true);
    expect(stage.reservations.check(stage.nexuses.A1, 0)).toBe(false);
    expect(stage.reservations.check(stage.nexuses.B1, 0)).toBe(true);
  });

  test("with an initiator's name alone: the first of its ports is meant", () => {
    const name = "05000018 69716e2e323032342d30312e6e65742e6578616d";
    const bytes = fromHex(
      `${HEAD} 01 01 01 00 00 ${RECORD_LOCAL.slice(3)}
       01 ${name} 706c6500 0000000000000003 0100`,
    );
    const store = new MemoryStateStore();
    store.files.set("disk", bytes);
    const stage = new Stage({ store });
    const id = iscsiTransportId("iqn.2024-01.net.example", Uint8Array.of(0, 2, 61, 1, 0, 0));
    const nexus = new TestNexus("N", id, 1);
    expect(stage.reservations.check(nexus, 0)).toBe(true);
    stage.reservations.attach(nexus);
    expect(stage.reservations.check(nexus, 0)).toBe(false);
    expect([...stage.reservations.state.registrations.values()][1]?.transportId).toEqual(id);
  });

  test.each([
    ["empty", ""],
    ["a head cut off", HEAD],
    ["SCST's own unfinished file", `0000000000000000 0100000000000000 01 00 ff 00`],
    ["another signature", GOLDEN.replace("77dd", "77de")],
    ["another version", GOLDEN.replace("0100000000000000", "0200000000000000")],
    ["a scope", `${HEAD} 01 00 ff 10`],
    ["a type that is none", `${HEAD} 01 01 02 00 ${RECORD_ALICE}`],
    ["a reservation without a holder", `${HEAD} 01 01 05 00 ${RECORD_LOCAL}`],
    ["a reservation without registrants", `${HEAD} 01 01 07 00`],
    ["a holder without a reservation", `${HEAD} 01 00 ff 00 ${RECORD_ALICE}`],
    ["two holders", `${HEAD} 01 01 05 00 ${RECORD_ALICE} 01 ${RECORD_LOCAL.slice(3)}`],
    ["a registration twice", `${HEAD} 01 01 05 00 ${RECORD_ALICE} 00 ${RECORD_ALICE.slice(3)}`],
    ["a key of zero", GOLDEN.replace("1122334455667788", "0000000000000000")],
    ["a holder byte that is neither", GOLDEN.replace("01 4500", "03 4500")],
    ["a TransportID that is none", GOLDEN.replace("00 0600", "00 0700")],
    ["a byte too many", `${GOLDEN} 00`],
  ])("refused: %s", (_name, bytes) => {
    expect(() => decodeState(fromHex(bytes))).toThrow(
      expect.objectContaining({ code: "SAVED_RESERVATIONS" }),
    );
  });

  test("refused: every truncation inside a record", () => {
    const bytes = fromHex(GOLDEN);
    // Whole records may be missing without a sign of it.
    const whole = new Set([bytes.length, bytes.length - fromHex(RECORD_LOCAL).length]);
    for (let length = 0; length < bytes.length; length++) {
      const decode = () => decodeState(bytes.subarray(0, length));
      if (whole.has(length)) expect(decode().registrations.size).toBe(1);
      else expect(decode, `${length} bytes`).toThrow("saved reservations: ");
    }
  });

  test("refused: more than SCST would read", () => {
    const bytes = new Uint8Array(SAVED_STATE_LENGTH_MAX + 1);
    bytes.set(fromHex(GOLDEN));
    expect(() => decodeState(bytes)).toThrow("15728640 bytes, more than 15728639");
  });

  test("without APTPL nothing persists", () => {
    const state = decodeState(fromHex(GOLDEN).with(16, 0));
    expect(state.registrations.size).toBe(0);
    expect(state.reservation).toBeUndefined();
  });

  test("random bytes are refused with a ProtocolError", () => {
    const head = fromHex(`${HEAD} 01 01 05 00`);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.boolean(), (bytes, headed) => {
        try {
          decodeState(headed ? concat(head, bytes) : bytes);
        } catch (error) {
          expect(error).toMatchObject({ name: "ProtocolError", code: "SAVED_RESERVATIONS" });
        }
      }),
    );
  });
});

const registration = fc
  .record({
    id: fc.oneof(
      fc
        .tuple(fc.stringMatching(/^iqn\.[a-z0-9:.-]{1,60}$/), isid())
        .map(([name, digits]) => iscsiTransportId(name, digits)),
      fc.string().map(localTransportId),
    ),
    target: fc.integer({ min: 1, max: 65_535 }),
    key: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
  })
  .map(({ id, target, key }): Registration => {
    const port = readTransportId(id)!;
    return {
      identity: nexusIdentity(target, port.identity),
      port: port.identity,
      transportId: port.bytes,
      relativeTargetPortIdentifier: target,
      key,
    };
  });

function isid() {
  return fc.uint8Array({ minLength: 6, maxLength: 6 });
}

test("what is written reads as it was", () => {
  const states = fc
    .record({
      all: fc.uniqueArray(registration, {
        minLength: 1,
        maxLength: 8,
        selector: ({ identity }) => identity,
      }),
      type: fc.constantFrom(undefined, 1, 3, 5, 6, 7, 8),
    })
    .map(({ all, type }): PersistentState => {
      const holder = all.at(-1)!.identity;
      return {
        registrations: new Map(all.map((each) => [each.identity, each])),
        reservation:
          type === undefined
            ? undefined
            : { type, holder: isAllRegistrants(type) ? undefined : holder },
        aptpl: true,
        generation: 0,
      };
    });
  fc.assert(
    fc.property(states, (state) => {
      expect(decodeState(encodeState(state))).toEqual(state);
    }),
  );
});
