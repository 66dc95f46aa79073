import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc32c, digestAt, putDigest } from "../../../src/protocol/iscsi/index.ts";

// RFC 7143, "CRC Examples": bytes, and the digest as it stands on the wire.
const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
const EXAMPLES: readonly (readonly [string, Uint8Array, string])[] = [
  ["32 bytes of zeroes", new Uint8Array(32), "aa36918a"],
  ["32 bytes of ones", new Uint8Array(32).fill(0xff), "43aba862"],
  ["32 bytes of incrementing 00..1f", ascending, "4e79dd46"],
  ["32 bytes of decrementing 1f..00", Uint8Array.from(ascending).reverse(), "5cdb3f11"],
  [
    "an iSCSI SCSI Read (10) Command PDU",
    Buffer.from(
      "01c0000000000000000000000000000014000000000004000000001400000018280000000000000002000000" +
        "00000000",
      "hex",
    ),
    "563a96d9",
  ],
];

describe("CRC32C", () => {
  test.each(EXAMPLES)("of %s", (_what, bytes, expected) => {
    const digest = new Uint8Array(4);
    putDigest(digest, 0, crc32c(bytes));
    expect(Buffer.from(digest).toString("hex")).toBe(expected);
    expect(digestAt(digest, 0)).toBe(crc32c(bytes));
  });

  test("can be made piece by piece", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
        const cut = Math.min(at, bytes.length);
        const first = crc32c(bytes, 0, cut);
        expect(crc32c(bytes, cut, bytes.length, first)).toBe(crc32c(bytes));
      }),
    );
  });
});
