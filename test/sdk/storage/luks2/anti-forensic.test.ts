import fc from "fast-check";
import { expect, test } from "vitest";

import { HASHES, mergeKey, splitKey } from "../../../../src/sdk/storage/luks2/anti-forensic.ts";

test("a split key comes back, and not with one bit missing", () => {
  const input = fc.record({
    // Shorter keys come back by chance.
    key: fc.uint8Array({ minLength: 16, maxLength: 80 }),
    stripes: fc.integer({ min: 2, max: 8 }),
    hash: fc.constantFrom(...HASHES),
    bit: fc.nat(),
  });
  fc.assert(
    fc.property(input, ({ key, stripes, hash, bit }) => {
      const split = splitKey(key, stripes, hash);
      expect(split.length).toBe(key.length * stripes);
      expect(mergeKey(split, stripes, hash)).toEqual(key);
      const at = bit % (split.length * 8);
      split[at >> 3]! ^= 1 << (at & 7);
      expect(mergeKey(split, stripes, hash)).not.toEqual(key);
    }),
  );
});
