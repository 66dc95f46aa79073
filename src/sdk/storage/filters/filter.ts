import type { MaybePromise } from "../../handler.ts";
import type { BlockStore } from "../block-store.ts";

/** What a filter does in its own way. What is undefined here is absent, whatever is below. */
export type FilterParts = { [Name in keyof BlockStore]?: BlockStore[Name] | undefined };

/**
 * A store over another: what `own` has is the filter's, all else is passed on to `below`. Optional
 * methods are absent where they are absent below, so that nothing is promised that is not there.
 * Where the filter changes sizes or offsets, `own` has to have every method that has any.
 */
export function filterStore(below: BlockStore, own: FilterParts = {}): BlockStore {
  const filter: BlockStore = {
    get name() {
      return below.name;
    },
    get size() {
      return below.size;
    },
    get readOnly() {
      return below.readOnly;
    },
    get onResize() {
      return below.onResize;
    },
    set onResize(resized) {
      below.onResize = resized;
    },
    read: (buffer, offset) => below.read(buffer, offset),
    write: (buffer, offset, fua) => below.write(buffer, offset, fua),
    flush: () => below.flush(),
    close: () => below.close(),
    ...optionsOf(below),
  };
  return Object.defineProperties(filter, Object.getOwnPropertyDescriptors(own));
}

function optionsOf(below: BlockStore): Partial<BlockStore> {
  const { rotational, physicalBlockSize, atomicBytes } = below;
  return {
    ...(rotational === undefined ? {} : { rotational }),
    ...(physicalBlockSize === undefined ? {} : { physicalBlockSize }),
    ...(atomicBytes === undefined ? {} : { atomicBytes }),
    ...(below.trim && { trim: (offset, length) => below.trim?.(offset, length) }),
    ...(below.writeZeroes && {
      writeZeroes: (offset, length, options) => below.writeZeroes?.(offset, length, options),
    }),
    ...(below.allocated && {
      allocated: (offset, length) => below.allocated?.(offset, length) ?? [],
    }),
  };
}

/** One call of a store. A flush is about the range `[0, size)`. */
export interface StoreCall {
  readonly kind: StoreCallKind;
  readonly offset: number;
  readonly length: number;
  readonly fua: boolean;
}

export const STORE_CALL_KINDS = ["read", "write", "flush", "trim", "writeZeroes"] as const;

export type StoreCallKind = (typeof STORE_CALL_KINDS)[number];

/** Does `run` now, later, or not at all, and is done when it is. */
export type Intercept = (call: StoreCall, run: () => MaybePromise<void>) => MaybePromise<void>;

/**
 * A filter that has every call that moves or changes data go through one function. Questions
 * (`allocated`, sizes) go past it.
 */
export function interceptedStore(below: BlockStore, intercept: Intercept): BlockStore {
  return filterStore(below, {
    read: (buffer, offset) =>
      intercept({ kind: "read", offset, length: buffer.length, fua: false }, () =>
        below.read(buffer, offset),
      ),
    write: (buffer, offset, fua) =>
      intercept({ kind: "write", offset, length: buffer.length, fua }, () =>
        below.write(buffer, offset, fua),
      ),
    flush: () =>
      intercept({ kind: "flush", offset: 0, length: below.size, fua: false }, () => below.flush()),
    ...(below.trim && {
      trim: (offset, length) =>
        intercept({ kind: "trim", offset, length, fua: false }, () => below.trim?.(offset, length)),
    }),
    ...(below.writeZeroes && {
      writeZeroes: (offset, length, how) =>
        intercept({ kind: "writeZeroes", offset, length, fua: how.fua }, () =>
          below.writeZeroes?.(offset, length, how),
        ),
    }),
  });
}

/** Does `run` and tells `done` of its end, with what was thrown or undefined. */
export function watched(
  run: () => MaybePromise<void>,
  done: (error: unknown) => void,
): MaybePromise<void> {
  let running: MaybePromise<void>;
  try {
    running = run();
  } catch (error) {
    done(error);
    throw error;
  }
  if (running === undefined) return done(undefined);
  return running.then(
    () => done(undefined),
    (error: unknown) => {
      done(error);
      throw error;
    },
  );
}
