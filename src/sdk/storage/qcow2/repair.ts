import { damaged } from "./format.ts";
import { Draft } from "./draft.ts";
import { readL1, type L1Table } from "./l1-table.ts";
import { putInForce, type StillImage } from "./reorganise.ts";
import type { Snapshot } from "./snapshot-table.ts";

/** How many clusters the file of an image can have that is looked through. */
const CLUSTERS_MAX = 2 ** 26;

/**
 * Counts who uses which cluster, and writes refcounts that are right: after a loss of power there
 * may be clusters that nobody uses, and of an image of others ("lazy refcounts") all may be wrong.
 *
 * @throws SystemError EIO where a cluster is used that the file does not have
 */
export async function repair(
  image: StillImage,
  l1: L1Table,
  size: number,
  { snapshots, bytes }: { readonly snapshots: readonly Snapshot[]; readonly bytes: number },
): Promise<{ l1: L1Table; snapshotBytes: number }> {
  const { host, geometry, refcounts, l2, header } = image;
  const { clusterBytes } = geometry;
  const clusters = host.end / clusterBytes;
  if (clusters > CLUSTERS_MAX) {
    throw damaged(host.name, `${clusters} clusters are too many to be looked through`);
  }
  const draft = new Draft(host, geometry, refcounts, l2);
  const counts = new Uint32Array(clusters);
  const use = (cluster: number) => {
    if (cluster < clusters) counts[cluster] = (counts[cluster] as number) + 1;
  };
  const useRun = (offset: number, length: number) => {
    for (let at = offset; at < offset + length; at += clusterBytes) use(at / clusterBytes);
  };
  use(0);
  await draft.eachCluster(l1, use);
  for (const { l1Offset, l1Length } of snapshots) {
    useRun(l1Offset, l1Length * 8);
    await draft.eachCluster(await readL1(host, geometry, l1Offset, l1Length), use);
  }
  useRun(refcounts.tableOffset, refcounts.tableClusters * clusterBytes);
  for (const offset of refcounts.offsets) if (offset !== 0) use(offset / clusterBytes);
  // What is in force until the header is written, but may be counted wrongly.
  draft.hold(l1.offset, l1.bytes.length);
  draft.hold(header.view.snapshotsOffset, bytes);
  draft.hold(refcounts.tableOffset, refcounts.tableClusters * clusterBytes);
  for (const offset of refcounts.offsets) if (offset !== 0) draft.hold(offset, clusterBytes);
  for (let cluster = 0; cluster < clusters; cluster++) {
    const count = counts[cluster] as number;
    const before = draft.get(cluster);
    if ((before instanceof Promise ? await before : before) !== count) {
      await draft.set(cluster, count);
    }
  }
  return await putInForce(image, draft, { l1: l1.bytes.slice(), size, snapshots });
}
