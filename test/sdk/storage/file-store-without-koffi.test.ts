import { expect, test, vi } from "vitest";

import { fileStore } from "../../../src/sdk/storage/file-store.ts";
import { scratchFiles } from "./scratch-file.ts";
import { testStore } from "./store-suite.ts";

vi.mock(import("../../../src/sdk/native/libc.ts"), async (original) => ({
  ...(await original()),
  loadLibc: () => undefined,
}));

const newFile = scratchFiles();

testStore({
  name: "file store without koffi",
  open: (size, options) => fileStore(newFile(size), options),
});

test("reads wait for the thread pool, as without the page cache", async () => {
  const store = fileStore(newFile(8192), { engine: "thread-pool" });
  await store.write(new Uint8Array(4096), 0, false);
  expect(store.read(new Uint8Array(4096), 0)).toBeInstanceOf(Promise);
  await store.close();
});
