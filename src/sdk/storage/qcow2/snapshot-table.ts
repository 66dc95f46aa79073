import { octets, uint, wire } from "../../../protocol/layout/index.ts";
import {
  type Geometry,
  L1_BYTES_MAX,
  l1EntriesFor,
  malformed,
  SNAPSHOT_TABLE_BYTES_MAX,
} from "./format.ts";
import type { HostFile } from "./host-file.ts";

/** A snapshot, as the image's table has it. */
export interface Snapshot {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  /** Of the disk then, in bytes. */
  readonly size: number;
  readonly l1Offset: number;
  readonly l1Length: number;
  /** Bytes of a virtual machine's state, which is of no use here. */
  readonly vmStateBytes: number;
  /** The entry as it was read, for what there may be in it that is not known here. */
  readonly entry?: Uint8Array;
}

// QEMU, docs/interop/qcow2.txt, "Snapshots".
const Entry = wire("qcow2 snapshot", {
  l1TableOffset: uint(0, 7),
  l1Size: uint(8, 11),
  idLength: uint(12, 13),
  nameLength: uint(14, 15),
  seconds: uint(16, 19),
  nanoseconds: uint(20, 23),
  vmClock: octets(24, 31),
  vmStateSize: uint(32, 35),
  extraDataLength: uint(36, 39),
});
const ExtraData = wire("qcow2 snapshot, extra data", {
  vmStateSize: uint(0, 7),
  diskSize: uint(8, 15),
});

/** What QEMU itself refuses beyond. */
const EXTRA_DATA_BYTES_MAX = 1024;
export const SNAPSHOT_NAME_BYTES_MAX = 255;

const READ_BYTES = 256 * 1024;

/**
 * Reads the table of `count` snapshots at `offset`.
 *
 * @throws ProtocolError QCOW2_FORMAT
 */
export async function readSnapshots(
  host: HostFile,
  geometry: Geometry,
  table: { readonly offset: number; readonly count: number; readonly diskSize: number },
): Promise<{ snapshots: Snapshot[]; bytes: number }> {
  const snapshots: Snapshot[] = [];
  let bytes = new Uint8Array(0);
  let at = 0;
  const need = async (end: number) => {
    if (end > SNAPSHOT_TABLE_BYTES_MAX || table.offset + end > host.end) {
      throw malformed(host.name, "the snapshot table is too long, or leads outside the file");
    }
    if (end <= bytes.length) return;
    const length = Math.min(Math.max(end, bytes.length + READ_BYTES), host.end - table.offset);
    bytes = new Uint8Array(length);
    await host.read(bytes, table.offset);
  };
  for (let i = 0; i < table.count; i++) {
    await need(at + Entry.size);
    const view = Entry.view(bytes, at);
    const { extraDataLength, idLength, nameLength } = view;
    if (extraDataLength > EXTRA_DATA_BYTES_MAX) {
      throw malformed(host.name, `snapshot ${i}: extra data of ${extraDataLength} bytes`);
    }
    const length = Entry.size + extraDataLength + idLength + nameLength;
    await need(at + length);
    snapshots.push(checked(host, geometry, parse(bytes.slice(at, at + length), table.diskSize)));
    at += Math.ceil(length / 8) * 8;
  }
  return { snapshots, bytes: at };
}

function parse(entry: Uint8Array, diskSize: number): Snapshot {
  const view = Entry.view(entry);
  const { extraDataLength, idLength, nameLength } = view;
  const extra = extraDataLength >= ExtraData.size ? ExtraData.view(entry, Entry.size) : undefined;
  const id = Entry.size + extraDataLength;
  const text = (from: number, length: number) =>
    Buffer.from(entry.buffer, entry.byteOffset + from, length).toString("utf8");
  return {
    id: text(id, idLength),
    name: text(id + idLength, nameLength),
    timeMs: view.seconds * 1000 + Math.floor(view.nanoseconds / 1_000_000),
    size: extra?.diskSize ?? diskSize,
    l1Offset: view.l1TableOffset,
    l1Length: view.l1Size,
    vmStateBytes: extra?.vmStateSize ?? view.vmStateSize,
    entry,
  };
}

function checked(host: HostFile, geometry: Geometry, snapshot: Snapshot): Snapshot {
  const { name, l1Offset, l1Length, size } = snapshot;
  const say = (what: string) => malformed(host.name, `snapshot "${name}": ${what}`);
  if (l1Length * 8 > L1_BYTES_MAX || l1Length < l1EntriesFor(size - (size % 512), geometry)) {
    throw say(`an L1 table of ${l1Length} entries for ${size} bytes`);
  }
  const end = l1Offset + l1Length * 8;
  if (
    l1Offset % geometry.clusterBytes !== 0 ||
    end > host.end ||
    (l1Length > 0 && l1Offset === 0)
  ) {
    throw say(`its L1 table at ${l1Offset} leads outside the file`);
  }
  return snapshot;
}

/** The table as the file has it. */
export function writeSnapshots(snapshots: readonly Snapshot[]): Uint8Array {
  const entries = snapshots.map(encode);
  const padded = (length: number) => Math.ceil(length / 8) * 8;
  const bytes = new Uint8Array(entries.reduce((sum, { length }) => sum + padded(length), 0));
  let at = 0;
  for (const entry of entries) {
    bytes.set(entry, at);
    at += padded(entry.length);
  }
  return bytes;
}

function encode(snapshot: Snapshot): Uint8Array {
  if (snapshot.entry !== undefined) {
    const entry = Uint8Array.from(snapshot.entry);
    Entry.view(entry).l1TableOffset = snapshot.l1Offset;
    return entry;
  }
  const id = Buffer.from(snapshot.id);
  const name = Buffer.from(snapshot.name);
  const entry = new Uint8Array(Entry.size + ExtraData.size + id.length + name.length);
  const view = Entry.view(entry);
  view.l1TableOffset = snapshot.l1Offset;
  view.l1Size = snapshot.l1Length;
  view.idLength = id.length;
  view.nameLength = name.length;
  view.seconds = Math.floor(snapshot.timeMs / 1000);
  view.nanoseconds = (snapshot.timeMs % 1000) * 1_000_000;
  view.extraDataLength = ExtraData.size;
  ExtraData.view(entry, Entry.size).diskSize = snapshot.size;
  entry.set(id, Entry.size + ExtraData.size);
  entry.set(name, Entry.size + ExtraData.size + id.length);
  return entry;
}
