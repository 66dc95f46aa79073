import { createQcow2 } from "../../../../src/sdk/storage/qcow2/create.ts";
import { openQcow2 } from "../../../../src/sdk/storage/qcow2/open-image.ts";
import { createQcow2File, qcow2Store } from "../../../../src/sdk/storage/qcow2/qcow2-file.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import { scratchFiles } from "../scratch-file.ts";
import { testStore } from "../store-suite.ts";

const newFile = scratchFiles();

testStore({
  name: "qcow2 in memory",
  async open(size, options) {
    const host = memoryStore(0);
    await createQcow2(host, size);
    return await openQcow2(host, options);
  },
});

testStore({
  name: "qcow2 in memory, small clusters and caches",
  async open(size, options) {
    const host = memoryStore(0);
    await createQcow2(host, size, { clusterBytes: 4096, refcountBits: 64 });
    return await openQcow2(host, { ...options, l2CacheBytesMax: 1, refcountCacheBytesMax: 1 });
  },
});

testStore({
  name: "qcow2 file",
  async open(size, { readOnly }) {
    const path = `${newFile(0)}.qcow2`;
    await createQcow2File(path, size);
    return await qcow2Store(path, { readOnly });
  },
});

testStore({
  name: "qcow2 file, every access elsewhere",
  async open(size, { readOnly }) {
    const path = `${newFile(0)}.qcow2`;
    await createQcow2File(path, size, { clusterBytes: 1024 * 1024 });
    return await qcow2Store(path, { readOnly, file: { engine: "thread-pool" } });
  },
});
