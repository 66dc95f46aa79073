import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  iscsiBytes,
  iscsiTransportId,
  localTransportId,
  readTransportId,
  TRANSPORT_ID_LENGTH_MAX,
} from "../../../src/core/reservations/transport-id.ts";
import { concat, fromHex, ID_A, ISID_A, plainId, toHex } from "./support.ts";

describe("TransportIDs", () => {
  test("of an iSCSI initiator port", () => {
    expect(toHex(iscsiTransportId("iqn.a:b", ISID_A))).toBe(
      toHex(fromHex(`45 00 001c 69716e2e613a62 2c692c3078 303030323364303130303030 00 000000`)),
    );
  });

  test("of a local initiator", () => {
    const id = localTransportId("host1");
    expect(id.length).toBe(24);
    expect(toHex(id)).toMatch(/^06000000 ?3[0-9a-f]{15}0{24}$/);
    expect(localTransportId("host1")).toEqual(id);
    expect(localTransportId("host2")).not.toEqual(id);
    expect(readTransportId(id)?.of).toBe("port");
  });

  test.each<[string, Uint8Array, Uint8Array, same: boolean]>([
    [
      "case of an iSCSI name",
      port("iqn.A:B", "00023d010000"),
      port("IQN.a:b", "00023D010000"),
      true,
    ],
    ["leading zeros of an ISID", port("iqn.a", "23d010000"), port("iqn.a", "00023d010000"), true],
    ["another ISID", port("iqn.a", "00023d010000"), port("iqn.a", "00023d010001"), false],
    ["another name", port("iqn.a", "00023d010000"), port("iqn.b", "00023d010000"), false],
    ["a name and a port", iscsiBytes(0, "iqn.a", 24), port("iqn.a", "00023d010000"), false],
    ["padding", concat(port("iqn.a", "1")).with(3, 20), port("iqn.a", "1"), true],
    ["FC: reserved bytes", plainId(0, 5).with(4, 1), plainId(0, 5).with(4, 2), true],
    ["FC: N_Port_Name", plainId(0, 5).with(8, 1), plainId(0, 5).with(8, 2), false],
    ["SAS: the address", plainId(6, 5).with(4, 1), plainId(6, 5).with(4, 2), false],
    ["SRP: the identifier", plainId(4, 5).with(23, 1), plainId(4, 5).with(23, 2), false],
    ["other protocols", plainId(0, 0), plainId(6, 0), false],
  ])("%s", (_name, a, b, same) => {
    expect(readTransportId(a)).toBeDefined();
    expect(readTransportId(a)?.identity === readTransportId(b)?.identity).toBe(same);
  });

  test.each<[string, Uint8Array]>([
    ["too short", ID_A.subarray(0, 20)],
    ["cut off", ID_A.subarray(0, 48)],
    ["format code 10b", ID_A.with(0, 0x85)],
    ["format code 01b of Fibre Channel", plainId(0x40, 0)],
    ["a reserved protocol", plainId(0x7, 0)],
    ["a length that is no multiple of four", ID_A.with(3, 46)],
    ["a length under 20", ID_A.with(3, 16)],
    ["no ISID", iscsiBytes(1, "iqn.2024-01.net.example:alice", 24)],
    ["an ISID of 13 digits", iscsiBytes(1, "iqn.2024-01.net:a,i,0x0123456789abc", 24)],
    ["an ISID that is no number", iscsiBytes(1, "iqn.2024-01.net:a,i,0xzz", 24)],
    ["an empty name", iscsiBytes(0, "", 24)],
    ["longer than any name", iscsiBytes(0, "n".repeat(TRANSPORT_ID_LENGTH_MAX), 24)],
  ])("%s is none", (_name, bytes) => {
    expect(readTransportId(bytes)).toBeUndefined();
  });

  test("one is read at its place in a list", () => {
    const list = concat(plainId(6, 1), ID_A, plainId(6, 2));
    expect(readTransportId(list, 24)).toMatchObject({ length: 52, of: "port" });
    expect(readTransportId(list, 76)?.identity).toBe(`6:${"02".repeat(8)}`);
  });

  test.each([
    ["ISID_LENGTH", () => iscsiTransportId("iqn.a", new Uint8Array(5))],
    ["INITIATOR_NAME_LENGTH", () => iscsiTransportId("", ISID_A)],
    ["INITIATOR_NAME_LENGTH", () => iscsiTransportId("n".repeat(TRANSPORT_ID_LENGTH_MAX), ISID_A)],
  ])("%s", (code, make) => {
    expect(make).toThrow(expect.objectContaining({ code }));
  });

  test("random bytes never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(10), (bytes, offset) => {
        const id = readTransportId(bytes, offset);
        if (id === undefined) return;
        // What initiators are shown reads as the same.
        expect(readTransportId(id.bytes)?.identity).toBe(id.identity);
      }),
    );
  });
});

function port(name: string, isid: string): Uint8Array {
  return iscsiBytes(1, `${name},i,0x${isid}`, 28);
}
