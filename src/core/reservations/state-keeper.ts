import type { PersistentState } from "./state.ts";
import { decodeState, encodeState } from "./saved-state.ts";
import type { StateStore } from "./state-store.ts";

/** Keeps what is in the store the same as what is in memory, for one device. */
export class StateKeeper {
  readonly #store: StateStore;
  readonly #name: string;
  /** What the store has; undefined: nothing. */
  #saved: Uint8Array | undefined;
  /** False when only the next save can tell. */
  #certain = true;

  constructor(store: StateStore, name: string) {
    this.#store = store;
    this.#name = name;
  }

  /**
   * What was saved last, or undefined. A file that is damaged, or missing, counts as long as its
   * backup does not: SCST writes files in place, and the backup before.
   */
  load(): PersistentState | undefined {
    const bytes = this.#store.load(this.#name);
    if (bytes === undefined) return this.#loadBackup();
    try {
      const state = decodeState(bytes);
      this.#saved = bytes;
      return state;
    } catch (error) {
      // Better no device than one that lets everybody write.
      const state = this.#loadBackup();
      if (state === undefined) throw error;
      return state;
    }
  }

  #loadBackup(): PersistentState | undefined {
    const bytes = this.#store.load(this.#backup);
    if (bytes === undefined) return undefined;
    this.#certain = false;
    return decodeState(bytes);
  }

  /** Saves `state`, or removes what is saved if it needs no saving. Throws or rejects if it can't. */
  keep(state: PersistentState): void | Promise<void> {
    const worth = state.aptpl && state.registrations.size > 0;
    const bytes = worth ? encodeState(state) : undefined;
    if (this.#certain && sameBytes(bytes, this.#saved)) return undefined;
    this.#certain = false;
    const kept = () => {
      this.#saved = bytes;
      this.#certain = true;
    };
    return then(bytes === undefined ? this.#remove() : this.#store.save(this.#name, bytes), kept);
  }

  /** The backup goes first: alone, it would bring back what has been removed. */
  #remove(): void | Promise<void> {
    return then(this.#store.remove(this.#backup), () => this.#store.remove(this.#name));
  }

  get #backup(): string {
    return `${this.#name}.1`;
  }
}

/** Does `next` after `first`, at once where nothing is to be waited for. */
function then(first: void | Promise<void>, next: () => void | Promise<void>) {
  return first instanceof Promise ? first.then(next) : next();
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
