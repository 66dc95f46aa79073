/** What the threads of a device share: memory and sessions. Two "threads" of a test are one. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ScstUserSess } from "../../../src/protocol/scst/index.ts";
import { type ArenaSegment, PAGE_SIZE } from "../../../src/sdk/memory/arena.ts";
import {
  arenaDirectory,
  SharedArena,
  type SharedSource,
} from "../../../src/sdk/threads/shared-arena.ts";
import { sessionTable, SharedSessions } from "../../../src/sdk/threads/shared-sessions.ts";

/** Memory of the process, with a view of its own for whoever asks. */
class ProcessMemory implements SharedSource {
  readonly segments = new Map<number, Uint8Array>();
  readonly unmapped: number[] = [];
  #next = 0x7f00_0000_0000;

  map(length: number): ArenaSegment {
    const base = this.#next;
    this.#next += 2 * length;
    const bytes = new Uint8Array(length);
    this.segments.set(base, bytes);
    return { base, bytes };
  }
  view(base: number, length: number): Uint8Array {
    return this.segments.get(base)!.subarray(0, length);
  }
  unmap({ base }: ArenaSegment): void {
    this.unmapped.push(base);
  }
}

function twoArenas() {
  const memory = new ProcessMemory();
  const directory = arenaDirectory();
  const arenas = [new SharedArena(memory, directory), new SharedArena(memory, directory)] as const;
  return { memory, arenas };
}

describe("an arena of two threads", () => {
  test("a block of one is found, and given back, by the other", () => {
    const { arenas } = twoArenas();
    const [one, other] = arenas;
    const block = one.allocate(5000)!;
    block.bytes[4999] = 7;
    const found = other.blockAt(block.address);
    expect([found?.bytes.length, found?.bytes[4999]]).toEqual([8192, 7]);
    other.release(block.address);
    expect(one.allocate(8192)?.address).toBe(block.address);
  });

  test("addresses that begin no block", () => {
    const { arenas } = twoArenas();
    const [one, other] = arenas;
    const { address } = one.allocate(3 * PAGE_SIZE)!;
    for (const wrong of [0, address + 1, address + PAGE_SIZE, address - PAGE_SIZE]) {
      expect(other.blockAt(wrong)).toBeUndefined();
      expect(() => other.release(wrong)).toThrow(
        expect.objectContaining({ code: "ARENA_ADDRESS" }),
      );
    }
  });

  test("a block larger than a segment", () => {
    const { arenas } = twoArenas();
    const [one, other] = arenas;
    const block = one.allocate(9_000_000)!;
    expect(other.blockAt(block.address)?.bytes.length).toBe(2 ** 24);
    expect(one.allocate(1)?.address).not.toBe(block.address);
  });

  test("blocks never overlap, whoever allocates and releases", () => {
    const step = fc.record({
      thread: fc.nat(1),
      length: fc.option(fc.integer({ min: 1, max: 300_000 })),
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { arenas } = twoArenas();
        const live: { address: number; end: number }[] = [];
        for (const { thread, length, pick } of steps) {
          const arena = arenas[thread]!;
          if (length === null) {
            const [block] = live.splice(pick % Math.max(live.length, 1), 1);
            if (block !== undefined) arena.release(block.address);
            continue;
          }
          const { address, bytes } = arena.allocate(length)!;
          const end = address + bytes.length;
          expect(bytes.length).toBeGreaterThanOrEqual(length);
          expect(live.every((block) => end <= block.address || address >= block.end)).toBe(true);
          live.push({ address, end });
        }
      }),
    );
  });

  test("the last one gives all memory back", () => {
    const { memory, arenas } = twoArenas();
    const [one, other] = arenas;
    one.allocate(1);
    one.allocate(5_000_000);
    other.close();
    expect(memory.unmapped).toEqual([...memory.segments.keys()]);
    expect(other.mappedLength).toBe(0);
  });
});

describe("sessions of two threads", () => {
  const session = (sessH: bigint, initiatorName: string) => {
    const view = ScstUserSess.view();
    view.sessH = sessH;
    view.initiatorName = initiatorName;
    return view;
  };
  const two = () => {
    const table = sessionTable();
    return [new SharedSessions(table), new SharedSessions(table)] as const;
  };
  const HIGH = 0xffff_8880;
  const handle = (low: number) => (BigInt(HIGH) << 32n) | BigInt(low);

  test("one that came to a thread is known to the other, and always the same object", () => {
    const [one, other] = two();
    const added = one.add(session(handle(1), "a"));
    expect(other.find(1, HIGH)).toEqual(added);
    const first = other.find(1, HIGH);
    one.add(session(handle(2), "b"));
    expect(other.find(1, HIGH)).toBe(first);
    expect(one.find(1, HIGH)).toBe(added);
  });

  test("one that ended at a thread is gone at the other", () => {
    const [one, other] = two();
    one.add(session(handle(1), "a"));
    expect(one.find(1, HIGH)?.initiatorName).toBe("a");
    expect(other.remove(handle(1))?.initiatorName).toBe("a");
    expect(one.find(1, HIGH)).toBeUndefined();
    expect(() => one.get(1, HIGH)).toThrow(expect.objectContaining({ code: "SESSION_UNKNOWN" }));
  });

  test("a handle that is given again is another session", () => {
    const [one, other] = two();
    one.add(session(handle(1), "a"));
    expect(other.find(1, HIGH)?.initiatorName).toBe("a");
    one.remove(handle(1));
    one.add(session(handle(1), "b"));
    expect(other.find(1, HIGH)?.initiatorName).toBe("b");
  });

  test("there is room for 1024", () => {
    const [one, other] = two();
    for (let i = 0; i < 1024; i++) one.add(session(handle(i), `${i}`));
    expect(other.find(1023, HIGH)?.initiatorName).toBe("1023");
    expect(() => other.add(session(handle(2000), "x"))).toThrow(
      expect.objectContaining({ code: "ENOMEM" }),
    );
    one.remove(handle(5));
    expect(other.add(session(handle(2000), "x")).initiatorName).toBe("x");
  });
});
