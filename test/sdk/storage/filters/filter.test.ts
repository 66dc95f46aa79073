import { expect, test } from "vitest";

import type { BlockStore } from "../../../../src/sdk/storage/block-store.ts";
import { filterStore, interceptedStore } from "../../../../src/sdk/storage/filters/filter.ts";
import { writeProtectedStore } from "../../../../src/sdk/storage/filters/write-protected-store.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";

const OPTIONS = ["trim", "writeZeroes", "allocated", "rotational", "atomicBytes"] as const;

test("what the store below has not, the filter has not", () => {
  const bare: BlockStore = {
    name: "bare",
    size: 512,
    readOnly: false,
    read() {},
    write() {},
    flush() {},
    close() {},
  };
  const has = (store: BlockStore) => OPTIONS.filter((option) => option in store);
  expect(has(filterStore(bare))).toEqual([]);
  expect(has(interceptedStore(bare, (_call, run) => run()))).toEqual([]);
  expect(has(filterStore(memoryStore(512)))).toEqual(OPTIONS);
  expect(has(interceptedStore(memoryStore(512), (_call, run) => run()))).toEqual(OPTIONS);
});

test("what the filter has of its own is the filter's", () => {
  const below = memoryStore(1024);
  const store = filterStore(below, {
    get size() {
      return below.size / 2;
    },
    trim: undefined,
  });
  expect([store.size, store.trim]).toEqual([512, undefined]);
  below.resize(4096);
  expect(store.size).toBe(2048);
});

test("a new size goes up through all of them", () => {
  const below = memoryStore(512);
  const store = filterStore(interceptedStore(below, (_call, run) => run()));
  const sizes: number[] = [];
  store.onResize = () => sizes.push(store.size);
  below.resize(1024);
  store.onResize = undefined;
  below.resize(2048);
  expect(sizes).toEqual([1024]);
});

test("write protected: the bytes are there, and stay", () => {
  const below = memoryStore(512);
  below.write(Uint8Array.of(7), 0);
  const store = writeProtectedStore(below);
  const found = new Uint8Array(1);
  void store.read(found, 0);
  expect(found[0]).toBe(7);
  const erofs = expect.objectContaining({ code: "EROFS" });
  expect(() => store.write(Uint8Array.of(1), 0, false)).toThrow(erofs);
  expect([store.readOnly, store.trim, store.writeZeroes]).toEqual([true, undefined, undefined]);
});
