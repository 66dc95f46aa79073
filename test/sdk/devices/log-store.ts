import type { BlockStore } from "../../../src/sdk/storage/block-store.ts";

/** What reached the store. */
export type Call = string;

export interface LogStore extends BlockStore {
  readonly calls: Call[];
  /** Thrown (or rejected with, where `later`) by the next calls of the named operations. */
  fail: { readonly read?: unknown; readonly write?: unknown; readonly flush?: unknown };
  /** All calls wait a turn of the event loop. */
  later: boolean;
}

/** A filter that writes down what passes, delays it and makes it fail as told. */
export function logStore(next: BlockStore): LogStore {
  const calls: Call[] = [];
  const pass = (
    log: LogStore,
    operation: "read" | "write" | "flush",
    call: string,
    run: () => void | Promise<void>,
  ): void | Promise<void> => {
    calls.push(call);
    const act = () => {
      // oxlint-disable-next-line typescript/only-throw-error -- a store may throw anything
      if (log.fail[operation] !== undefined) throw log.fail[operation];
      return run();
    };
    return log.later ? new Promise<void>((resolve) => setImmediate(resolve)).then(act) : act();
  };
  return {
    calls,
    fail: {},
    later: false,
    name: next.name,
    readOnly: next.readOnly,
    get size() {
      return next.size;
    },
    read(buffer, offset) {
      const call = `read ${offset}+${buffer.length}`;
      return pass(this, "read", call, () => next.read(buffer, offset));
    },
    write(buffer, offset, fua) {
      const call = `write ${offset}+${buffer.length}${fua ? " fua" : ""}`;
      return pass(this, "write", call, () => next.write(buffer, offset, fua));
    },
    flush() {
      return pass(this, "flush", "flush", () => next.flush());
    },
    close() {
      calls.push("close");
      return next.close();
    },
  };
}
