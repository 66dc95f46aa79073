import * as zlib from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";

import { crc32c as crc32cByTable } from "../../src/protocol/iscsi/digest.ts";
import { crc32, crc32c, isal, nodeRs } from "../../src/runtime/crc.ts";
import { isMissing } from "../interop/support/tools.ts";

// The check values of both, as every catalogue of CRCs has them.
test.each([
  ["CRC-32", crc32, 0xcbf4_3926],
  ["CRC32C", crc32c, 0xe306_9283],
])("%s of 123456789", (_, sum, expected) => {
  expect(sum(Buffer.from("123456789"))).toBe(expected);
});

const bytes = fc.uint8Array({ minLength: 1, maxLength: 5000, size: "max" });

test("any piece, and any two pieces, give what zlib and the table give", () => {
  fc.assert(
    fc.property(bytes, fc.nat(5000), fc.nat(5000), (data, a, b) => {
      const [start, end] = ordered(a % data.length, b % (data.length + 1));
      expect(crc32c(data, start, end)).toBe(crc32cByTable(data, start, end));
      expect(crc32c(data, start, undefined, crc32c(data, 0, start))).toBe(crc32cByTable(data));
      const [head, tail] = [data.subarray(0, start), data.subarray(start)];
      expect(crc32(tail, crc32(head))).toBe(zlib.crc32(data));
    }),
  );
});

const LIBRARIES = [
  { name: "ISA-L", native: isal(), how: "apt-get install libisal2" },
  { name: "@node-rs/crc32", native: nodeRs(), how: "npm install @node-rs/crc32" },
];

for (const { name, native, how } of LIBRARIES) {
  const missing = native !== undefined ? [] : [`${name} not found: ${how}`];
  test.skipIf(isMissing(missing))(`${name} gives what zlib and the table give`, () => {
    fc.assert(
      fc.property(bytes, fc.nat(5000), fc.nat(0xffff_ffff), (data, from, before) => {
        const piece = data.subarray(from % data.length);
        expect(native?.crc32(piece, before)).toBe(zlib.crc32(piece, before));
        expect(native?.crc32c(piece, before)).toBe(crc32cByTable(piece, 0, piece.length, before));
      }),
    );
  });
}

function ordered(a: number, b: number): [number, number] {
  return a < b ? [a, b] : [b, a];
}
