/** The same as filters.test.ts, over files. */
import { fileStore } from "../../../../src/sdk/storage/file-store.ts";
import { isTmpfs, scratchFiles } from "../scratch-file.ts";
import { testStore } from "../store-suite.ts";
import { FILTERS, suiteOf } from "./filters.ts";

// Where there is a tmpfs: it is the stacks that are tested, and not the disk.
const newFile = isTmpfs("/dev/shm") ? scratchFiles("/dev/shm") : scratchFiles();
const open = (size: number) => fileStore(newFile(size));

for (const lower of FILTERS) {
  for (const upper of FILTERS) testStore(suiteOf("file", open, [lower, upper]));
}
