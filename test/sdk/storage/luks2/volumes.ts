import type { BlockStore } from "../../../../src/sdk/storage/block-store.ts";
import { filterStore } from "../../../../src/sdk/storage/filters/filter.ts";
import {
  formatLuks2,
  LUKS2_HEADER_BYTES,
  type Luks2FormatOptions,
} from "../../../../src/sdk/storage/luks2/format.ts";
import type { KdfOptions } from "../../../../src/sdk/storage/luks2/kdf.ts";
import { memoryStore, type MemoryStore } from "../../../../src/sdk/storage/memory-store.ts";

/** The cheapest that there is: what it protects is nothing. */
export const QUICK: KdfOptions = { type: "pbkdf2", iterations: 1000 };

export const SECRET = Buffer.from("secret");
export const OTHER = Buffer.from("other");

export const DATA_BYTES = 64 * 1024;

export async function newVolume(options: Luks2FormatOptions = {}): Promise<MemoryStore> {
  const store = memoryStore(LUKS2_HEADER_BYTES + DATA_BYTES);
  await formatLuks2(store, SECRET, { kdf: QUICK, ...options });
  return store;
}

export function copyOf(store: MemoryStore): MemoryStore {
  const copy = memoryStore(store.size);
  for (const { offset, length, allocated } of store.allocated(0, store.size)) {
    const bytes = new Uint8Array(allocated ? length : 0);
    store.read(bytes, offset);
    copy.write(bytes, offset);
  }
  return copy;
}

/** A write, or a flush that makes durable what was written before it. */
export type Step = { readonly bytes: Uint8Array; readonly offset: number } | "flush";

/** A store that remembers what is done to it, in its order. */
export function recorded(below: BlockStore): { store: BlockStore; steps: Step[] } {
  const steps: Step[] = [];
  const store = filterStore(below, {
    write(buffer, offset, fua) {
      steps.push({ bytes: Uint8Array.from(buffer), offset });
      return below.write(buffer, offset, fua);
    },
    flush() {
      steps.push("flush");
      return below.flush();
    },
  });
  return { store, steps };
}

/** Every image that a loss of power may leave: writes since the last flush may be there in part. */
export function* afterLossOfPower(before: MemoryStore, steps: readonly Step[]) {
  for (const [count, step] of [...steps, "flush" as const].entries()) {
    const image = copyOf(before);
    for (const done of steps.slice(0, count)) {
      if (done !== "flush") image.write(done.bytes, done.offset);
    }
    yield { count, part: "none", image };
    if (step === "flush") continue;
    const half = Math.floor(step.bytes.length / 1024) * 512;
    for (const [part, from, to] of [
      ["first half", 0, half],
      ["second half", half, step.bytes.length],
    ] as const) {
      const torn = copyOf(image);
      torn.write(step.bytes.subarray(from, to), step.offset + from);
      yield { count, part, image: torn };
    }
  }
}
