import type { BlockStore } from "../../../../src/sdk/storage/block-store.ts";
import { encryptedStore } from "../../../../src/sdk/storage/filters/encrypted-store.ts";
import { faultyStore } from "../../../../src/sdk/storage/filters/faulty-store.ts";
import { filterStore } from "../../../../src/sdk/storage/filters/filter.ts";
import { loggedStore } from "../../../../src/sdk/storage/filters/logged-store.ts";
import { measuredStore } from "../../../../src/sdk/storage/filters/measured-store.ts";
import { rateLimitedStore } from "../../../../src/sdk/storage/filters/rate-limited-store.ts";
import { writeProtectedStore } from "../../../../src/sdk/storage/filters/write-protected-store.ts";
import type { StoreSuite } from "../store-suite.ts";

export const KEY = Uint8Array.from({ length: 64 }, (_, i) => i * 7 + 3);

/** Stores of one kind, of any size, all zero. */
export type OpenStore = (size: number) => BlockStore | Promise<BlockStore>;

/** A filter, as the suite is to have it. */
export interface Filter {
  readonly name: string;
  /** What the store below needs in addition. */
  readonly extraBytes: number;
  over(below: BlockStore): BlockStore;
  /** Makes a new store zeros, where those below are not. */
  readonly zero?: boolean;
}

/** Where an encrypted store begins: a multiple of all that stores work in. */
const OFFSET = 1024 * 1024;

/** Every wait is over soon, however long it is. */
const hastyClock = {
  now: () => performance.now(),
  after: (_delayMs: number, callback: () => void) => setImmediate(callback),
};

const encrypted = (sectorSize: number, discards: boolean, implementation?: "node"): Filter => ({
  name: ["encrypted", sectorSize, discards ? "discards" : "", implementation ?? ""].join(" "),
  extraBytes: OFFSET,
  over: (below) =>
    encryptedStore(below, KEY, {
      sectorSize,
      discards,
      offset: OFFSET,
      ...(implementation && { implementation }),
    }),
  zero: !discards,
});

const plain = (name: string, over: Filter["over"]): Filter => ({ name, extraBytes: 0, over });

export const FILTERS: readonly Filter[] = [
  plain("nothing", (below) => filterStore(below)),
  plain("logged", (below) => loggedStore(below, () => undefined)),
  plain("delayed", (below) => faultyStore(below, () => ({ delayMs: 5 }), { clock: hastyClock })),
  plain("rate limited", (below) =>
    rateLimitedStore(below, { operationsPerSecond: 10, bytesPerSecond: 10, clock: hastyClock }),
  ),
  plain("measured", (below) => measuredStore(below)),
  encrypted(512, false),
  encrypted(4096, true),
];

export const SLOW_FILTERS: readonly Filter[] = [
  encrypted(4096, false),
  encrypted(512, true),
  encrypted(4096, true, "node"),
];

/** The suite of filters over each other, the first one at the bottom. */
export function suiteOf(name: string, store: OpenStore, filters: readonly Filter[]): StoreSuite {
  return {
    name: [name, ...filters.map((filter) => filter.name)].join(" < "),
    open: async (size, { readOnly }) => {
      const extra = filters.reduce((sum, { extraBytes }) => sum + extraBytes, 0);
      const bottom = await store(size + extra);
      const stack = (base: BlockStore) => filters.reduce((below, { over }) => over(below), base);
      if (filters.some(({ zero }) => zero))
        await stack(bottom).write(new Uint8Array(size), 0, false);
      return stack(readOnly ? writeProtectedStore(bottom) : bottom);
    },
  };
}
