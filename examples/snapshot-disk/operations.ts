import { rmSync } from "node:fs";

import {
  type BlockStore,
  createQcow2File,
  type Qcow2Store,
  qcow2Store,
  UsageError,
} from "scst-user";

import type { Operation } from "./options.ts";

const COPY_BYTES = 1024 * 1024;

/** What is the same for a served disk and a resting one. Gives lines to print. */
export async function perform(store: Qcow2Store, operation: Operation): Promise<string[]> {
  switch (operation.command) {
    case "snap":
      await store.createSnapshot(operation.name, Date.now());
      return [];
    case "delete":
      await store.deleteSnapshot(operation.name);
      return [];
    case "revert":
      await store.revertTo(operation.name);
      return [];
    case "list":
      return store.snapshots.map(({ id, name, timeMs, size }) => {
        return `${id}\t${name}\t${new Date(timeMs).toISOString()}\t${size}`;
      });
    case "clone":
      await clone(store, operation.to, operation.snapshot);
      return [];
    case "export":
    case "unexport":
      throw new UsageError("NOT_SERVED", `${operation.command}: the disk is not served`);
  }
}

/** A copy that stands alone, of what has space. */
async function clone(store: Qcow2Store, to: string, snapshot: string | undefined): Promise<void> {
  const source = snapshot === undefined ? store : await store.openSnapshot(snapshot);
  try {
    await createQcow2File(to, source.size, { clusterBytes: store.clusterBytes });
    try {
      await copy(source, to);
    } catch (error) {
      rmSync(to, { force: true });
      throw error;
    }
  } finally {
    if (source !== store) await source.close();
  }
}

async function copy(source: BlockStore, to: string): Promise<void> {
  const target = await qcow2Store(to);
  try {
    const buffer = new Uint8Array(COPY_BYTES);
    for (let at = 0; at < source.size;) {
      const runs = (await source.allocated?.(at, source.size - at)) ?? [
        { offset: at, length: source.size - at, allocated: true },
      ];
      for (const { offset, length, allocated } of runs) {
        at = offset + length;
        if (!allocated) continue;
        for (let done = 0; done < length; done += COPY_BYTES) {
          const part = buffer.subarray(0, Math.min(COPY_BYTES, length - done));
          await source.read(part, offset + done);
          await target.write(part, offset + done, false);
        }
      }
    }
    await target.flush();
  } finally {
    await target.close();
  }
}
