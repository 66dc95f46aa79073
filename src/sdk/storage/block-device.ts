import { readFileSync, type Stats } from "node:fs";

/** Linux counts block devices in /sys in these units, whatever their block size is. */
const SYSFS_SECTOR_BYTES = 512;

/** What /sys says of a block device, or of the one that a file lies on. */
export interface BlockDeviceFacts {
  /** Bytes. */
  readonly size: number | undefined;
  readonly rotational: boolean | undefined;
  /** Bytes. */
  readonly physicalBlockSize: number | undefined;
  readonly logicalBlockSize: number | undefined;
  /** The most that one discard is about, in bytes; 0 where the device has none. */
  readonly discardMax: number | undefined;
  /** The most that the device makes zeros by one command, in bytes; 0 where it has none. */
  readonly writeZeroesMax: number | undefined;
}

export function blockDeviceFacts(stat: Stats): BlockDeviceFacts {
  const folder = `/sys/dev/block/${majorMinor(stat.isBlockDevice() ? stat.rdev : stat.dev)}`;
  const sectors = numberIn(`${folder}/size`);
  // A partition has the queue of its disk.
  const queue = (name: string) =>
    numberIn(`${folder}/queue/${name}`) ?? numberIn(`${folder}/../queue/${name}`);
  const rotational = queue("rotational");
  return {
    size: sectors === undefined ? undefined : sectors * SYSFS_SECTOR_BYTES,
    rotational: rotational === undefined ? undefined : rotational !== 0,
    physicalBlockSize: queue("physical_block_size"),
    logicalBlockSize: queue("logical_block_size"),
    discardMax: queue("discard_max_bytes"),
    writeZeroesMax: queue("write_zeroes_max_bytes"),
  };
}

function numberIn(path: string): number | undefined {
  try {
    const value = Number.parseInt(readFileSync(path, "latin1"), 10);
    return Number.isSafeInteger(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** As gnu_dev_major and gnu_dev_minor take a dev_t apart: both numbers have two parts. */
function majorMinor(device: number): string {
  const wide = BigInt(device);
  const major = ((wide >> 8n) & 0xfffn) | ((wide >> 32n) & ~0xfffn);
  const minor = (wide & 0xffn) | ((wide >> 12n) & ~0xffn & 0xffff_ffffn);
  return `${major}:${minor}`;
}
