/** The programs of the examples that put a filter over a file, and a disk for each. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  createQcow2File,
  fileStore,
  formatLuks2,
  LUKS2_HEADER_BYTES,
  qcow2Store,
} from "../../../src/sdk/index.ts";
import type { FilterProgram } from "./cunit-runs.ts";
import type { StartOptions } from "./fileio-tgt.ts";
import type { Images } from "./images.ts";

const root = join(import.meta.dirname, "../../..");

/** Makes an empty disk; gives how it is served. */
export async function filterProgram(
  name: FilterProgram,
  images: Images,
  sizeBytes: number,
): Promise<StartOptions> {
  const program = [
    "--import",
    "tsx",
    "--conditions=source",
    join(root, `examples/${name}/main.ts`),
  ];
  return name === "encrypting-disk"
    ? { program, words: await encrypted(images, sizeBytes) }
    : { program, words: await withSnapshot(images, sizeBytes) };
}

async function encrypted(images: Images, sizeBytes: number): Promise<string[]> {
  const path = await images.sparse("luks.img", sizeBytes + LUKS2_HEADER_BYTES);
  const key = images.path("key");
  writeFileSync(key, "secret");
  const store = fileStore(path);
  await formatLuks2(store, Buffer.from("secret"), { kdf: { type: "pbkdf2", iterations: 1000 } });
  await store.close();
  return ["serve", path, `--key-file=${key}`];
}

/** With a snapshot, so that the first write of each cluster is a copy. */
async function withSnapshot(images: Images, sizeBytes: number): Promise<string[]> {
  const path = images.path("disk.qcow2");
  await createQcow2File(path, sizeBytes);
  const store = await qcow2Store(path);
  await store.write(new Uint8Array(1024 * 1024).fill(7), 0, false);
  await store.createSnapshot("before", 0);
  await store.close();
  return ["serve", path];
}
