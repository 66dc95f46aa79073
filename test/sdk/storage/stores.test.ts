import { describe, expect, test } from "vitest";

import { memoryStore } from "../../../src/sdk/storage/memory-store.ts";
import { nullStore } from "../../../src/sdk/storage/null-store.ts";
import { testStore } from "./store-suite.ts";

testStore({ name: "memory store", open: (size, options) => memoryStore(size, options) });
testStore({
  name: "null store",
  open: (size) => nullStore(size),
  keeps: false,
  canBeReadOnly: false,
});

describe("memory store", () => {
  test("takes memory only for what is written", () => {
    const store = memoryStore(2 ** 50);
    store.write(Uint8Array.of(1, 2, 3), 2 ** 49);
    const found = new Uint8Array(5);
    store.read(found, 2 ** 49 - 1);
    expect([...found]).toEqual([0, 1, 2, 3, 0]);
  });
});

test("a null store without zeros leaves the buffer as it is, within its size", async () => {
  const store = nullStore(4096, { zeroes: false });
  const buffer = Uint8Array.of(1, 2, 3);
  await store.read(buffer, 4093);
  expect([...buffer]).toEqual([1, 2, 3]);
  expect(() => store.read(buffer, 4094)).toThrow();
});

test.each([-1, 1.5, Number.NaN, 2 ** 53])("a size of %d is refused", (size) => {
  const refusal = expect.objectContaining({ code: "STORE_SIZE" });
  expect(() => memoryStore(size)).toThrow(refusal);
  expect(() => nullStore(size)).toThrow(refusal);
});
