import { inflateRawSync, constants as zlib } from "node:zlib";

import type { MaybePromise } from "../../handler.ts";
import type { BlockStore, Extent } from "../block-store.ts";
import {
  compressedIn,
  compressedRange,
  type Entries,
  isEmpty,
  offsetIn,
  zeroIn,
} from "./entries.ts";
import { damaged, type Geometry } from "./format.ts";
import type { HostFile } from "./host-file.ts";
import type { L1Table } from "./l1-table.ts";
import type { Table, TableCache } from "./table-cache.ts";

/** What all views of an image share. */
export interface ImageParts {
  readonly host: HostFile;
  readonly geometry: Geometry;
  readonly l2: TableCache;
  readonly backing: BlockStore | undefined;
}

/** Runs that one call of `allocated` gives. */
const RUNS_MAX = 1024;

type Kind = "data" | "zero" | "empty" | "compressed";

/** Where the bytes of the disk are, by one L1 table: of now, or of a snapshot. */
export class Mapping {
  readonly #parts: ImageParts;
  l1: L1Table;

  constructor(parts: ImageParts, l1: L1Table) {
    this.#parts = parts;
    this.l1 = l1;
  }

  /** Fills `buffer`; at once where the tables are in memory and the host reads at once. */
  read(buffer: Uint8Array, offset: number): MaybePromise<void> {
    const { geometry, host, l2 } = this.#parts;
    const { clusterBytes, l2Bytes } = geometry;
    const { length } = buffer;
    let waiting: Promise<void>[] | undefined;
    for (let done = 0; done < length;) {
      const at = offset + done;
      const l1Index = Math.floor(at / l2Bytes);
      const tableEnd = Math.min(length - done, (l1Index + 1) * l2Bytes - at);
      const l2Offset = this.l1.offsetOf(l1Index);
      const table = l2Offset === 0 ? undefined : l2.get(l2Offset);
      if (l2Offset !== 0 && table === undefined) {
        const rest = this.#loadAndRead(l2Offset, buffer.subarray(done), at);
        if (waiting === undefined) return rest;
        waiting.push(rest);
        break;
      }
      const within = at % clusterBytes;
      let count = tableEnd;
      let pending: MaybePromise<void>;
      if (table === undefined) {
        pending = this.#readEmpty(buffer.subarray(done, done + count), at);
      } else {
        const index = Math.floor((at % l2Bytes) / clusterBytes);
        const kind = kindOf(table.entries, index);
        count = Math.min(count, this.#runOf(table.entries, index, kind, within + count) - within);
        const part = count === length ? buffer : buffer.subarray(done, done + count);
        pending =
          kind === "data"
            ? host.read(part, offsetIn(table.entries, index) + within)
            : this.#readOther(kind, table.entries, index, part, at);
      }
      if (pending !== undefined) (waiting ??= []).push(pending);
      done += count;
    }
    return waiting === undefined ? undefined : allOf(waiting);
  }

  /** What of a range has space of its own. */
  async allocated(offset: number, length: number): Promise<readonly Extent[]> {
    const runs: { offset: number; length: number; allocated: boolean }[] = [];
    const { clusterBytes, l2Bytes } = this.#parts.geometry;
    const end = offset + length;
    for (let at = offset; at < end && runs.length < RUNS_MAX;) {
      const l1Index = Math.floor(at / l2Bytes);
      const l2Offset = this.l1.offsetOf(l1Index);
      let count = Math.min(end, (l1Index + 1) * l2Bytes) - at;
      let kind: Kind = "empty";
      let allocated = false;
      if (l2Offset !== 0) {
        const { entries } = await this.#parts.l2.load(l2Offset);
        const index = Math.floor((at % l2Bytes) / clusterBytes);
        const within = at % clusterBytes;
        kind = kindOf(entries, index);
        count = Math.min(count, this.#likeness(entries, index, within + count) - within);
        allocated = kind !== "empty" && (kind !== "zero" || offsetIn(entries, index) !== 0);
      }
      const parts =
        kind === "empty"
          ? await this.#below(at, count)
          : [{ offset: at, length: count, allocated }];
      for (const part of parts) {
        const last = runs.at(-1);
        if (last?.allocated === part.allocated) last.length += part.length;
        else runs.push({ ...part });
        at += part.length;
      }
    }
    return runs;
  }

  /** How many bytes from `index` on follow each other in the host, at most `max`. */
  #runOf(entries: Entries, index: number, kind: Kind, max: number): number {
    const { clusterBytes, l2Entries } = this.#parts.geometry;
    if (max <= clusterBytes || kind === "compressed") return clusterBytes;
    let next = index + 1;
    const first = offsetIn(entries, index);
    for (let bytes = clusterBytes; bytes < max && next < l2Entries; bytes += clusterBytes) {
      if (kindOf(entries, next) !== kind) break;
      if (kind === "data" && offsetIn(entries, next) !== first + bytes) break;
      next++;
    }
    return (next - index) * clusterBytes;
  }

  /** The same for kinds alone, wherever the clusters are. */
  #likeness(entries: Entries, index: number, max: number): number {
    const { clusterBytes, l2Entries } = this.#parts.geometry;
    const kind = kindOf(entries, index);
    const hasPlace = offsetIn(entries, index) !== 0;
    let next = index + 1;
    while ((next - index) * clusterBytes < max && next < l2Entries) {
      if (kindOf(entries, next) !== kind) break;
      if ((offsetIn(entries, next) !== 0) !== hasPlace) break;
      next++;
    }
    return (next - index) * clusterBytes;
  }

  async #loadAndRead(l2Offset: number, buffer: Uint8Array, offset: number): Promise<void> {
    const table = await this.#parts.l2.load(l2Offset);
    table.pins++;
    try {
      const rest = this.read(buffer, offset);
      if (rest !== undefined) await rest;
    } finally {
      table.pins--;
    }
  }

  #readOther(
    kind: Kind,
    entries: Entries,
    index: number,
    buffer: Uint8Array,
    offset: number,
  ): MaybePromise<void> {
    if (kind === "empty") return this.#readEmpty(buffer, offset);
    if (kind === "compressed") return this.#inflate(entries, index, buffer, offset);
    buffer.fill(0);
    return undefined;
  }

  #readEmpty(buffer: Uint8Array, offset: number): MaybePromise<void> {
    const { backing } = this.#parts;
    const there = Math.min(buffer.length, Math.max(0, (backing?.size ?? 0) - offset));
    buffer.fill(0, there);
    return there === 0 ? undefined : backing?.read(buffer.subarray(0, there), offset);
  }

  async #inflate(
    entries: Entries,
    index: number,
    buffer: Uint8Array,
    offset: number,
  ): Promise<void> {
    const { host, geometry } = this.#parts;
    const { clusterBits, clusterBytes } = geometry;
    const range = compressedRange(entries, index, clusterBits);
    const packed = new Uint8Array(range.length);
    await host.read(packed, range.offset);
    let cluster: Uint8Array;
    try {
      cluster = inflateRawSync(packed, {
        maxOutputLength: clusterBytes,
        finishFlush: zlib.Z_SYNC_FLUSH,
      });
    } catch {
      cluster = new Uint8Array(0);
    }
    if (cluster.length !== clusterBytes) {
      throw damaged(host.name, `the compressed cluster at ${range.offset} cannot be read`);
    }
    const within = offset % clusterBytes;
    buffer.set(cluster.subarray(within, within + buffer.length));
  }

  async #below(offset: number, length: number): Promise<readonly Extent[]> {
    const { backing } = this.#parts;
    const there = Math.min(length, Math.max(0, (backing?.size ?? 0) - offset));
    if (backing === undefined || there === 0) return [{ offset, length, allocated: false }];
    const runs = await backing.allocated?.(offset, there);
    return runs ?? [{ offset, length: there, allocated: true }];
  }
}

export function kindOf(entries: Entries, index: number): Kind {
  if (compressedIn(entries, index)) return "compressed";
  if (zeroIn(entries, index)) return "zero";
  return offsetIn(entries, index) === 0 ? "empty" : "data";
}

/** All of them have ended, also where one fails: their buffers are the caller's again. */
export async function allOf(waiting: readonly Promise<void>[]): Promise<void> {
  if (waiting.length === 1) return await waiting[0];
  const results = await Promise.allSettled(waiting);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/** A table of which every entry can be followed: what {@link Mapping} relies on. */
export function checkL2(host: HostFile, geometry: Geometry, table: Table): void {
  const { entries } = table;
  const { clusterBytes, clusterBits, l2Entries } = geometry;
  const { end } = host;
  for (let index = 0; index < l2Entries; index++) {
    if (isEmpty(entries, index)) continue;
    if (compressedIn(entries, index)) {
      const { offset } = compressedRange(entries, index, clusterBits);
      if (offset >= clusterBytes && offset < end) continue;
    } else {
      const at = offsetIn(entries, index);
      if (at % clusterBytes === 0 && at < end) continue;
    }
    throw damaged(host.name, `entry ${index} of the L2 table at ${table.offset} leads nowhere`);
  }
}
