import * as zlib from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";

import { crc32c as crc32cByTable } from "../../../src/protocol/iscsi/digest.ts";
import { crc32, crc32c } from "../../../src/sdk/native/crc.ts";

// The check values of both, as every catalogue of CRCs has them.
test.each([
  ["CRC-32", crc32, 0xcbf4_3926],
  ["CRC32C", crc32c, 0xe306_9283],
])("%s of 123456789", (_, sum, expected) => {
  expect(sum(Buffer.from("123456789"))).toBe(expected);
});

test("pieces of any length and at any place give what zlib and the table give", () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 5000, size: "max" });
  fc.assert(
    fc.property(bytes, fc.nat(5000), (data, from) => {
      const piece = data.subarray(from % data.length);
      expect(crc32(piece)).toBe(zlib.crc32(piece));
      expect(crc32c(piece)).toBe(crc32cByTable(piece));
    }),
  );
});
