import type { FolderStateStore } from "../../../../src/sdk/storage/folder-state-store.ts";

/** A state store in memory, and how to wait until what was saved is there. */
export function memoryState() {
  const files = new Map<string, Uint8Array>();
  const state: FolderStateStore & { fail?: Error } = {
    load: (name) => files.get(name),
    async save(name, bytes) {
      await Promise.resolve();
      if (state.fail !== undefined) throw state.fail;
      files.set(name, bytes.slice());
    },
    async remove(name) {
      await Promise.resolve();
      files.delete(name);
    },
  };
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { state, files, settled };
}
