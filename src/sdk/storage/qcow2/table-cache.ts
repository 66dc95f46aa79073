import type { MaybePromise } from "../../handler.ts";
import { type Entries, entriesOf } from "./entries.ts";
import type { HostFile } from "./host-file.ts";

/** A cluster of metadata in memory: an L2 table or a refcount block. */
export interface Table {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly entries: Entries;
  /** Bytes [dirtyFrom, dirtyTo) are not in the file yet. */
  dirtyFrom: number;
  dirtyTo: number;
  /** Nothing in the file leads to it yet. */
  fresh: boolean;
  /** How many operations will go on to use it: it stays in memory. */
  pins: number;
  /** Since it was last looked at as one to drop. */
  used: boolean;
}

/** A part of a table as it was at one moment, to be written. */
export interface Piece {
  readonly table: Table;
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly fresh: boolean;
}

/** Fewer are never kept, however large they are. */
const TABLES_MIN = 4;

/** Tables by their place in the file. Those that differ from it stay until they are written. */
export class TableCache {
  readonly #host: HostFile;
  readonly #clusterBytes: number;
  readonly #tablesMax: number;
  readonly #check: (table: Table) => void;
  readonly #tables = new Map<number, Table>();
  readonly #loading = new Map<number, Promise<Table>>();
  readonly dirty = new Set<Table>();

  /** @param check throws for a table whose contents cannot be */
  constructor(
    host: HostFile,
    clusterBytes: number,
    bytesMax: number,
    check: (table: Table) => void,
  ) {
    this.#host = host;
    this.#clusterBytes = clusterBytes;
    this.#tablesMax = Math.max(TABLES_MIN, Math.floor(bytesMax / clusterBytes));
    this.#check = check;
  }

  /** So many tables may differ from the file before whoever changes more has to wait. */
  get isOverfull(): boolean {
    return this.dirty.size > this.#tablesMax / 2;
  }

  /** The table, if it is in memory. */
  get(offset: number): Table | undefined {
    const table = this.#tables.get(offset);
    if (table !== undefined) table.used = true;
    return table;
  }

  load(offset: number): MaybePromise<Table> {
    const there = this.get(offset) ?? this.#loading.get(offset);
    if (there !== undefined) return there;
    const bytes = new Uint8Array(this.#clusterBytes);
    const read = this.#host.read(bytes, offset);
    if (read === undefined) return this.#add(offset, bytes);
    const loading = read
      .then(() => this.#add(offset, bytes))
      .finally(() => this.#loading.delete(offset));
    this.#loading.set(offset, loading);
    return loading;
  }

  /** A new table, in memory only. */
  create(offset: number, bytes: Uint8Array): Table {
    const table = newTable(offset, bytes);
    table.fresh = true;
    this.#tables.delete(offset);
    this.#insert(table);
    this.touch(table, 0, bytes.length);
    return table;
  }

  /** Bytes [from, to) of the table have been changed. */
  touch(table: Table, from: number, to: number): void {
    if (table.dirtyFrom === table.dirtyTo) {
      table.dirtyFrom = from;
      table.dirtyTo = to;
      this.dirty.add(table);
      return;
    }
    if (from < table.dirtyFrom) table.dirtyFrom = from;
    if (to > table.dirtyTo) table.dirtyTo = to;
  }

  /** What is to be written, as it is now; from here on it counts as written. */
  take(): Piece[] {
    const pieces = [...this.dirty].map((table) => {
      const piece = {
        table,
        bytes: table.bytes.slice(table.dirtyFrom, table.dirtyTo),
        offset: table.offset + table.dirtyFrom,
        fresh: table.fresh,
      };
      table.dirtyFrom = table.dirtyTo = 0;
      table.fresh = false;
      // Reading the old bytes back while the new ones are on their way must not happen.
      table.pins++;
      return piece;
    });
    this.dirty.clear();
    return pieces;
  }

  /** The pieces have been written (or, where that failed, still have to be). */
  done(pieces: readonly Piece[], written: boolean): void {
    for (const { table, bytes, offset, fresh } of pieces) {
      table.pins--;
      if (written) continue;
      table.fresh ||= fresh;
      this.touch(table, offset - table.offset, offset - table.offset + bytes.length);
    }
  }

  /** Forgets one that nothing leads to any more. */
  drop(offset: number): void {
    const table = this.#tables.get(offset);
    if (table === undefined) return;
    this.#tables.delete(offset);
    this.dirty.delete(table);
  }

  /** Forgets everything. Nothing may be dirty or on its way. */
  clear(): void {
    this.#tables.clear();
  }

  #add(offset: number, bytes: Uint8Array): Table {
    const table = newTable(offset, bytes);
    this.#check(table);
    this.#insert(table);
    return table;
  }

  #insert(table: Table): void {
    if (this.#tables.size >= this.#tablesMax) this.#makeRoom();
    this.#tables.set(table.offset, table);
  }

  /** Second chance: those that were used since the last look go to the end of the line. */
  #makeRoom(): void {
    let looks = this.#tables.size * 2;
    for (const table of this.#tables.values()) {
      if (this.#tables.size < this.#tablesMax || looks-- === 0) return;
      if (table.dirtyFrom === table.dirtyTo && table.pins === 0 && !table.used) {
        this.#tables.delete(table.offset);
        continue;
      }
      table.used = false;
      this.#tables.delete(table.offset);
      this.#tables.set(table.offset, table);
    }
  }
}

function newTable(offset: number, bytes: Uint8Array): Table {
  return {
    offset,
    bytes,
    entries: entriesOf(bytes),
    dirtyFrom: 0,
    dirtyTo: 0,
    fresh: false,
    pins: 0,
    used: true,
  };
}
