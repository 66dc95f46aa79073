/** Images that say what cannot be: refused clearly, never followed. */
import fc from "fast-check";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import { createQcow2 } from "../../../../src/sdk/storage/qcow2/create.ts";
import { Qcow2Header } from "../../../../src/sdk/storage/qcow2/format.ts";
import { openQcow2 } from "../../../../src/sdk/storage/qcow2/open-image.ts";
import { createQcow2File, qcow2Store } from "../../../../src/sdk/storage/qcow2/qcow2-file.ts";

const SIZE = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), "qcow2-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** An image with data and a snapshot, as bytes. */
async function imageBytes(): Promise<Uint8Array> {
  const host = memoryStore(0);
  await createQcow2(host, SIZE, { clusterBytes: 4096 });
  // It is looked at after it has been closed, which would empty it.
  host.close = () => undefined;
  const store = await openQcow2(host);
  await store.write(new Uint8Array(20_000).fill(1), 3000, false);
  await store.createSnapshot("a", 0);
  await store.write(new Uint8Array(20_000).fill(2), 9000, false);
  await store.close();
  const bytes = new Uint8Array(host.size);
  host.read(bytes, 0);
  return bytes;
}

/** Opens it, and does everything that there is. */
async function useAll(bytes: Uint8Array): Promise<void> {
  const host = memoryStore(bytes.length);
  host.write(bytes, 0);
  const store = await openQcow2(host);
  const buffer = new Uint8Array(Math.min(store.size, SIZE));
  await store.read(buffer, 0);
  await store.allocated(0, Math.min(store.size, SIZE));
  await store.write(new Uint8Array(Math.min(store.size, 9000)), 0, true);
  await store.trim(0, Math.min(store.size, SIZE));
  await store.createSnapshot("b", 0);
  for (const { name } of store.snapshots) {
    const snapshot = await store.openSnapshot(name);
    await snapshot.read(new Uint8Array(Math.min(snapshot.size, SIZE)), 0);
    await snapshot.close();
    await store.deleteSnapshot(name);
  }
  await store.close();
}

const CLEAR = /^(QCOW2_\w+|EIO|ENOSPC|EOVERFLOW)$/;

describe("a header", () => {
  test.each([
    ["magic", { magic: 1 }, /is no qcow2 image/],
    ["version", { version: 4 }, /version 4: only 2 and 3/],
    ["cluster bits, few", { clusterBits: 8 }, /cluster_bits 8: it must be 9 to 21/],
    ["cluster bits, many", { clusterBits: 255 }, /cluster_bits 255/],
    ["encryption", { cryptMethod: 2 }, /encrypted/],
    ["L1 too long", { l1Size: 0xffff_ffff }, /l1_size 4294967295/],
    ["L1 too short", { l1Size: 0 }, /l1_size 0: it must be at least 1/],
    ["a huge disk", { size: 2 ** 62 }, /size \d+: it is too large/],
    ["L1 not aligned", { l1TableOffset: 4097 }, /l1_table_offset 4097: it must be a multiple/],
    ["L1 outside", { l1TableOffset: 2 ** 40 }, /l1_table_offset \d+: it leads outside/],
    ["L1 over the header", { l1TableOffset: 0 }, /overlaps/],
    ["refcount table outside", { refcountTableOffset: 2 ** 40 }, /refcount_table_offset/],
    ["refcount table long", { refcountTableClusters: 2 ** 31 }, /refcount_table_clusters/],
    ["no refcount table", { refcountTableClusters: 0 }, /refcount_table_clusters 0/],
    ["snapshots", { nbSnapshots: 65_537 }, /nb_snapshots 65537: at most 65536/],
    ["refcount order", { refcountOrder: 7 }, /refcount_order 7/],
    ["header length", { headerLength: 100 }, /header_length 100/],
    ["corrupt", { incompatibleFeatures: 2 }, /marked as corrupt/],
    ["data file", { incompatibleFeatures: 4 }, /bit 2 is set: an external data file/],
    ["zstd", { incompatibleFeatures: 8 }, /bit 3 is set/],
    ["subclusters", { incompatibleFeatures: 16 }, /bit 4 is set: extended L2/],
    ["unknown", { incompatibleFeatures: 2 ** 45 }, /bit 45 is set: unknown/],
    ["backing", { backingFileOffset: 200, backingFileSize: 2000 }, /backing_file_size 2000/],
  ])("%s", async (_name, change, message) => {
    const bytes = await imageBytes();
    Object.assign(Qcow2Header.view(bytes), change);
    await expect(useAll(bytes)).rejects.toThrow(message);
    await expect(useAll(bytes)).rejects.toMatchObject({ code: expect.stringMatching(CLEAR) });
  });

  test("any bytes changed: a clear error, or none", async () => {
    const good = await imageBytes();
    const metadata = fc.integer({ min: 0, max: good.length - 1 });
    const place = fc.oneof(fc.integer({ min: 0, max: 111 }), metadata);
    const change = fc.record({ place, value: fc.integer({ min: 0, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
        const bytes = Uint8Array.from(good);
        for (const { place: at, value } of changes) bytes[at] = value;
        try {
          await useAll(bytes);
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(CLEAR);
        }
      }),
      { numRuns: Number(process.env["SCST_USER_RUNS"] ?? 300) },
    );
  }, 120_000);

  test.each([0, 1, 100, 511, 512, 4096, 8192])("cut to %i bytes", async (length) => {
    const bytes = (await imageBytes()).subarray(0, length);
    await expect(useAll(bytes)).rejects.toMatchObject({ code: expect.stringMatching(CLEAR) });
  });
});

describe("a backing file", () => {
  const make = async (name: string, file: string, format: string) => {
    const path = join(folder, name);
    rmSync(path, { force: true });
    await createQcow2File(path, SIZE, { backing: { file, format } });
    return path;
  };

  test.each([
    ["itself", "self.qcow2", "qcow2", /stands behind itself/],
    ["elsewhere", "/etc/hostname", "raw", /not in the image's folder/],
    ["above", "../../etc/passwd", "raw", /not in the image's folder|ENOENT/],
    ["a link out of the folder", "link", "raw", /not in the image's folder/],
    ["another protocol", "nbd://127.0.0.1:1/x", "raw", /only names of files/],
    ["JSON", 'json:{"driver":"raw"}', "raw", /only names of files/],
    ["another format", "other", "vmdk", /the format is vmdk/],
    ["nothing", "not-there", "raw", /ENOENT/],
  ])("%s is refused", async (_name, file, format, message) => {
    rmSync(join(folder, "link"), { force: true });
    symlinkSync("/etc/hostname", join(folder, "link"));
    writeFileSync(join(folder, "other"), "");
    const path = await make("self.qcow2", file, format);
    await expect(qcow2Store(path)).rejects.toThrow(message);
  });
});
