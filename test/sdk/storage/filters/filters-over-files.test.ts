/** Filters over files, where calls really overlap; filters.test.ts has every two of them. */
import { fileStore } from "../../../../src/sdk/storage/file-store.ts";
import { isTmpfs, scratchFiles } from "../scratch-file.ts";
import { testStore } from "../store-suite.ts";
import { FILTERS, suiteOf } from "./filters.ts";

// Where there is a tmpfs: it is the filters that are tested, and not the disk.
const newFile = isTmpfs("/dev/shm") ? scratchFiles("/dev/shm") : scratchFiles();
const open = (size: number) => fileStore(newFile(size));

for (const filter of FILTERS) {
  testStore(suiteOf("file", open, [filter]));
  testStore(suiteOf("file", open, [filter, FILTERS.at(-1)!]));
}
