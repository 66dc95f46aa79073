import { copiedIn, type Entries, entriesOf, offsetIn, reservedInL1, setEntry } from "./entries.ts";
import { damaged, type Geometry } from "./format.ts";
import type { HostFile } from "./host-file.ts";

/** An L1 table: in memory as a whole. */
export class L1Table {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly entries: Entries;
  /** Entries that differ from the file's. */
  readonly dirty = new Set<number>();

  constructor(offset: number, bytes: Uint8Array) {
    this.offset = offset;
    this.bytes = bytes;
    this.entries = entriesOf(bytes);
  }

  get length(): number {
    return this.bytes.length / 8;
  }

  /** Where the L2 table is; 0 for none. */
  offsetOf(index: number): number {
    return index < this.length ? offsetIn(this.entries, index) : 0;
  }

  /** The L2 table is this L1 table's alone. */
  isOwn(index: number): boolean {
    return copiedIn(this.entries, index);
  }

  point(index: number, offset: number): void {
    setEntry(this.entries, index, offset, { copied: true });
    this.dirty.add(index);
  }
}

/**
 * Reads an L1 table of `length` entries at `offset`, which must be within the file.
 *
 * @throws SystemError EIO where an entry leads nowhere
 */
export async function readL1(
  host: HostFile,
  { clusterBytes }: Geometry,
  offset: number,
  length: number,
): Promise<L1Table> {
  const bytes = new Uint8Array(length * 8);
  await host.read(bytes, offset);
  const table = new L1Table(offset, bytes);
  for (let index = 0; index < length; index++) {
    const at = table.offsetOf(index);
    if (reservedInL1(table.entries, index) || at % clusterBytes !== 0 || at >= host.end) {
      throw damaged(host.name, `L1 entry ${index} of the table at ${offset} leads to ${at}`);
    }
  }
  return table;
}
