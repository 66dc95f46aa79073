/** Every filter, and every two of them over each other, behave as a store does. */
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import { testStore } from "../store-suite.ts";
import { FILTERS, SLOW_FILTERS, suiteOf } from "./filters.ts";

for (const filter of [...FILTERS, ...SLOW_FILTERS]) {
  testStore(suiteOf("memory", memoryStore, [filter]));
}

for (const lower of FILTERS) {
  for (const upper of FILTERS) testStore(suiteOf("memory", memoryStore, [lower, upper]));
}
