/** Filters over a disk with snapshots: an encrypted one, among others. */
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import { createQcow2 } from "../../../../src/sdk/storage/qcow2/create.ts";
import { openQcow2 } from "../../../../src/sdk/storage/qcow2/open-image.ts";
import { testStore } from "../store-suite.ts";
import { FILTERS, suiteOf } from "./filters.ts";

async function open(size: number) {
  const host = memoryStore(0);
  await createQcow2(host, size);
  const store = await openQcow2(host);
  // What is written from here on is copied first.
  await store.writeZeroes(0, size, { mayTrim: false, fua: false });
  await store.createSnapshot("before", 0);
  return store;
}

for (const filter of FILTERS) testStore(suiteOf("qcow2", open, [filter]));
