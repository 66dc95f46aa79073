import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { memoryStore } from "../../../src/sdk/storage/memory-store.ts";

const KIB = 1024;

function readAll(store: ReturnType<typeof memoryStore>): Uint8Array {
  const bytes = new Uint8Array(store.size);
  store.read(bytes, 0);
  return bytes;
}

describe("memory store, allocation", () => {
  test("is told in runs", () => {
    const store = memoryStore(1024 * KIB);
    store.write(Uint8Array.of(1), 70 * KIB);
    expect(store.allocated(0, 1024 * KIB)).toEqual([
      { offset: 0, length: 64 * KIB, allocated: false },
      { offset: 64 * KIB, length: 64 * KIB, allocated: true },
      { offset: 128 * KIB, length: 896 * KIB, allocated: false },
    ]);
    expect(store.allocated(100 * KIB, KIB)).toEqual([
      { offset: 100 * KIB, length: KIB, allocated: true },
    ]);
  });

  test("a trim gives back whole pieces, and leaves zeros everywhere", () => {
    const store = memoryStore(256 * KIB);
    store.write(new Uint8Array(256 * KIB).fill(7), 0);
    store.trim(32 * KIB, 128 * KIB);
    expect(store.allocated(0, 256 * KIB).map(({ allocated }) => allocated)).toEqual([
      true,
      false,
      true,
    ]);
    const bytes = readAll(store);
    expect(bytes.subarray(0, 32 * KIB).every((byte) => byte === 7)).toBe(true);
    expect(bytes.subarray(32 * KIB, 160 * KIB).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(160 * KIB).every((byte) => byte === 7)).toBe(true);
  });

  test("tells of a new size, and what was beyond a smaller one is gone", () => {
    const store = memoryStore(256 * KIB);
    const sizes: number[] = [];
    store.onResize = () => sizes.push(store.size);
    store.write(new Uint8Array(256 * KIB).fill(7), 0);
    store.resize(100 * KIB);
    store.resize(200 * KIB);
    expect(sizes).toEqual([100 * KIB, 200 * KIB]);
    const bytes = readAll(store);
    expect(bytes.subarray(0, 100 * KIB).every((byte) => byte === 7)).toBe(true);
    expect(bytes.subarray(100 * KIB).every((byte) => byte === 0)).toBe(true);
  });

  test.each([
    ["trim", (store: ReturnType<typeof memoryStore>) => store.trim(0, 512)],
    ["writeZeroes", (store: ReturnType<typeof memoryStore>) => store.writeZeroes(0, 512)],
  ])("read-only: %s", (_name, act) => {
    const store = memoryStore(8192, { readOnly: true });
    expect(() => act(store)).toThrow(expect.objectContaining({ code: "EROFS" }));
  });

  test("against plain bytes", () => {
    const size = 300 * KIB;
    const range = fc.tuple(fc.nat(size), fc.nat(size)).map(([a, b]) => {
      return { offset: Math.min(a, b), length: Math.abs(a - b) };
    });
    const step = fc.record({
      range,
      what: fc.constantFrom("write", "trim", "zero"),
      byte: fc.nat(255),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const store = memoryStore(size);
        const model = new Uint8Array(size);
        for (const {
          range: { offset, length },
          what,
          byte,
        } of steps) {
          if (what === "write") store.write(new Uint8Array(length).fill(byte), offset);
          else if (what === "trim") store.trim(offset, length);
          else store.writeZeroes(offset, length);
          model.fill(what === "write" ? byte : 0, offset, offset + length);
        }
        expect(Buffer.compare(readAll(store), model)).toBe(0);
        for (const { offset, length, allocated } of store.allocated(0, size)) {
          if (!allocated) {
            expect(model.subarray(offset, offset + length).every((b) => b === 0)).toBe(true);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
