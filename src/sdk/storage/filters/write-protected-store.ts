import type { BlockStore } from "../block-store.ts";
import { readOnlyStore } from "../system-error.ts";
import { filterStore } from "./filter.ts";

/** The same bytes, which nobody can change from here. */
export function writeProtectedStore(below: BlockStore): BlockStore {
  return filterStore(below, {
    readOnly: true,
    write(buffer, offset) {
      throw readOnlyStore(below.name, offset, buffer.length);
    },
    // There is nothing of ours to be made durable, and a medium that is read-only may not be able.
    flush() {},
    trim: undefined,
    writeZeroes: undefined,
  });
}
