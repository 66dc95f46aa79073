import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32c } from "../../../src/protocol/iscsi/index.ts";
import { dataDigest, loadNativeDigest } from "../../../src/targets/iscsi/data-digest.ts";

test("the native library is there", async () => {
  expect(await loadNativeDigest()).toBe(true);
});

test("any piece, and any two pieces, give the same with the library as with the table", async () => {
  await loadNativeDigest();
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 5000, size: "max" });
  fc.assert(
    fc.property(bytes, fc.nat(5000), fc.nat(5000), (data, a, b) => {
      const [start = 0, end = 0] = [a % data.length, b % (data.length + 1)].toSorted(
        (first, second) => first - second,
      );
      expect(dataDigest(data, start, end)).toBe(crc32c(data, start, end));
      const first = dataDigest(data, 0, start);
      expect(dataDigest(data, start, data.length, first)).toBe(crc32c(data));
    }),
  );
});
