import { UsageError } from "../../../protocol/errors.ts";
import type { MaybePromise } from "../../handler.ts";
import type { BlockStore, Extent, WriteZeroesOptions } from "../block-store.ts";
import { beyondEnd, readOnlyStore } from "../system-error.ts";
import { Committer } from "./commit.ts";
import { Draft } from "./draft.ts";
import { SNAPSHOTS_MAX } from "./format.ts";
import { InFlight } from "./in-flight.ts";
import { readL1 } from "./l1-table.ts";
import { type ImageParts, Mapping } from "./mapping.ts";
import type { OpenImage } from "./open-image.ts";
import { putInForce, type NewState } from "./reorganise.ts";
import { type Snapshot, SNAPSHOT_NAME_BYTES_MAX } from "./snapshot-table.ts";
import { SnapshotStore } from "./snapshot-store.ts";
import { Writer } from "./writer.ts";

/** A snapshot, to whoever has the disk. */
export interface SnapshotInfo {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  /** Of the disk then, in bytes. */
  readonly size: number;
}

/** A qcow2 image as a disk, and its snapshots. Use {@link openQcow2} or {@link qcow2Store}. */
export class Qcow2Store implements BlockStore {
  readonly name: string;
  readonly readOnly: boolean;
  /** The most that one read-modify-write is about. */
  readonly clusterBytes: number;
  onResize: (() => void) | undefined;
  readonly #image: OpenImage;
  readonly #parts: ImageParts;
  readonly #mapping: Mapping;
  readonly #inFlight = new InFlight();
  readonly #committer: Committer;
  readonly #writer: Writer;
  readonly #openSnapshots = new Map<string, number>();
  #size: number;
  #snapshots: readonly Snapshot[];
  #snapshotBytes: number;
  /** Ends when changes may begin again. */
  #gate: Promise<void> | undefined;
  /** The same for reads. */
  #readGate: Promise<void> | undefined;
  #broken: Error | undefined;
  #closed: Promise<void> | undefined;

  constructor(image: OpenImage) {
    const { host, geometry, l2, refcounts, header, backing, l1 } = image;
    this.#image = image;
    this.name = `qcow2 ${host.name}`;
    this.readOnly = image.readOnly;
    this.clusterBytes = geometry.clusterBytes;
    this.#size = image.size;
    this.#snapshots = image.snapshots;
    this.#snapshotBytes = image.snapshotBytes;
    this.#parts = { host, geometry, l2, backing };
    this.#mapping = new Mapping(this.#parts, l1);
    const { clusterBytes } = geometry;
    this.#committer = new Committer({
      host,
      clusterBytes,
      l2,
      refcounts,
      mapping: this.#mapping,
      header,
      inFlight: this.#inFlight,
    });
    this.#writer = new Writer(this.#parts, this.#mapping, refcounts, this.#committer);
  }

  get size(): number {
    return this.#size;
  }

  get snapshots(): readonly SnapshotInfo[] {
    return this.#snapshots.map(({ id, name, timeMs, size }) => ({ id, name, timeMs, size }));
  }

  read(buffer: Uint8Array, offset: number): MaybePromise<void> {
    if (this.#readGate !== undefined) {
      return this.#readGate.then(() => this.read(buffer, offset));
    }
    if (offset < 0 || offset + buffer.length > this.#size) {
      throw beyondEnd("read", this.name, offset, buffer.length);
    }
    const read = this.#mapping.read(buffer, offset);
    return read === undefined ? undefined : this.#inFlight.track(read);
  }

  write(buffer: Uint8Array, offset: number, fua: boolean): MaybePromise<void> {
    this.#checkChange("write", offset, buffer.length);
    if (buffer.length === 0) return fua ? this.flush() : undefined;
    if (this.#gate === undefined && (!fua || this.#committer.isClean)) {
      const place = this.#writer.placeOf(offset, buffer.length);
      if (place >= 0) {
        const written = this.#parts.host.store.write(buffer, place, fua);
        return written === undefined ? undefined : this.#inFlight.track(written);
      }
    }
    return this.#change(fua, () => this.#writer.write(buffer, offset));
  }

  flush(): MaybePromise<void> {
    if (this.readOnly) return undefined;
    if (this.#broken !== undefined) throw this.#broken;
    return this.#committer.flush();
  }

  trim(offset: number, length: number): MaybePromise<void> {
    this.#checkChange("trim", offset, length);
    if (length === 0) return undefined;
    const atEnd = offset + length === this.#size;
    return this.#change(false, () => this.#writer.clear(offset, length, false, atEnd));
  }

  writeZeroes(
    offset: number,
    length: number,
    { mayTrim, fua }: WriteZeroesOptions,
  ): MaybePromise<void> {
    this.#checkChange("zeroing", offset, length);
    if (length === 0) return fua ? this.flush() : undefined;
    const atEnd = offset + length === this.#size;
    return this.#change(fua, () => this.#writer.clear(offset, length, !mayTrim, atEnd));
  }

  async allocated(offset: number, length: number): Promise<readonly Extent[]> {
    while (this.#readGate !== undefined) await this.#readGate;
    if (offset < 0 || offset + length > this.#size) {
      throw beyondEnd("look for holes", this.name, offset, length);
    }
    return await this.#inFlight.track(this.#mapping.allocated(offset, length));
  }

  /**
   * Keeps the disk as it is now: writes that have begun come to their end, everything is made
   * durable, and later writes wait meanwhile.
   *
   * @param name 1 to 255 bytes, of which no other snapshot has them
   * @throws UsageError QCOW2_SNAPSHOT_NAME, QCOW2_SNAPSHOTS_MAX
   */
  async createSnapshot(name: string, timeMs: number): Promise<SnapshotInfo> {
    await this.#reorganise(false, async (draft) => {
      this.#checkNewName(name);
      const { l1 } = this.#mapping;
      await draft.addTree(l1, 1);
      const last = Math.max(0, ...this.#snapshots.map((one) => Number.parseInt(one.id, 10) || 0));
      const snapshot: Snapshot = {
        id: String(last + 1),
        name,
        timeMs,
        size: this.#size,
        l1Offset: l1.offset,
        l1Length: l1.length,
        vmStateBytes: 0,
      };
      const state = { l1: l1.bytes.slice(), size: this.#size };
      return { ...state, snapshots: [...this.#snapshots, snapshot] };
    });
    return this.#find(name);
  }

  /**
   * Forgets a snapshot, and frees what only it had.
   *
   * @throws UsageError QCOW2_SNAPSHOT_UNKNOWN, QCOW2_SNAPSHOT_IN_USE
   */
  async deleteSnapshot(name: string): Promise<void> {
    await this.#reorganise(false, async (draft) => {
      const snapshot = this.#find(name);
      if (this.#openSnapshots.has(snapshot.id)) {
        throw new UsageError("QCOW2_SNAPSHOT_IN_USE", `${this.name}: "${name}" is in use`);
      }
      const { host, geometry } = this.#parts;
      await draft.addTree(await readL1(host, geometry, snapshot.l1Offset, snapshot.l1Length), -1);
      await draft.addRun(snapshot.l1Offset, snapshot.l1Length * 8, -1);
      const { l1 } = this.#mapping;
      await draft.addRun(l1.offset, l1.bytes.length, -1);
      const snapshots = this.#snapshots.filter((one) => one !== snapshot);
      return { l1: l1.bytes.slice(), size: this.#size, snapshots };
    });
  }

  /**
   * Makes the disk what it was. What it is now is gone, unless there is a snapshot of it.
   *
   * @throws UsageError QCOW2_SNAPSHOT_UNKNOWN
   */
  async revertTo(name: string): Promise<void> {
    const sizeBefore = this.#size;
    await this.#reorganise(true, async (draft) => {
      const snapshot = this.#find(name);
      const { host, geometry } = this.#parts;
      const old = this.#mapping.l1;
      const l1 = await readL1(host, geometry, snapshot.l1Offset, snapshot.l1Length);
      await draft.addTree(l1, 1);
      await draft.addTree(old, -1);
      await draft.addRun(old.offset, old.bytes.length, -1);
      return { l1: l1.bytes.slice(), size: snapshot.size, snapshots: this.#snapshots };
    });
    if (this.#size !== sizeBefore) this.onResize?.();
  }

  /**
   * A snapshot, to be read while the disk goes on. It cannot be deleted until it is closed.
   *
   * @throws UsageError QCOW2_SNAPSHOT_UNKNOWN
   */
  async openSnapshot(name: string): Promise<BlockStore> {
    while (this.#gate !== undefined) await this.#gate;
    const snapshot = this.#find(name);
    const { id, l1Offset, l1Length } = snapshot;
    this.#openSnapshots.set(id, (this.#openSnapshots.get(id) ?? 0) + 1);
    const release = () => {
      const left = (this.#openSnapshots.get(id) ?? 0) - 1;
      if (left > 0) this.#openSnapshots.set(id, left);
      else this.#openSnapshots.delete(id);
    };
    try {
      const { host, geometry } = this.#parts;
      const l1 = await readL1(host, geometry, l1Offset, l1Length);
      const title = `snapshot ${name} of ${this.name}`;
      const mapping = new Mapping(this.#parts, l1);
      return new SnapshotStore(title, snapshot.size, mapping, this.#inFlight, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Writes everything out and closes the image, also if that fails. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    while (this.#gate !== undefined) await this.#gate;
    const { host, backing, geometry } = this.#parts;
    try {
      await this.#inFlight.drain();
      if (!this.readOnly && this.#broken === undefined) {
        const { refcounts, header } = this.#image;
        await this.#committer.settle();
        if (header.isDirty) {
          await host.store.flush();
          await host.shrink((await refcounts.usedClusters()) * geometry.clusterBytes);
          await header.markDirty(false);
          await host.store.flush();
        }
      }
    } finally {
      await backing?.close();
      await host.store.close();
    }
  }

  #checkChange(verb: string, offset: number, length: number): void {
    if (this.readOnly) throw readOnlyStore(this.name, offset, length, verb);
    if (this.#broken !== undefined) throw this.#broken;
    if (offset < 0 || offset + length > this.#size) {
      throw beyondEnd(verb, this.name, offset, length);
    }
  }

  async #change(fua: boolean, work: () => Promise<void>): Promise<void> {
    for (;;) {
      if (this.#gate !== undefined) await this.#gate;
      else if (this.#committer.isOverfull) await this.#committer.commit();
      else break;
    }
    if (this.#broken !== undefined) throw this.#broken;
    await this.#inFlight.track(work());
    if (fua) await this.flush();
  }

  #find(name: string): Snapshot {
    const found = this.#snapshots.find((one) => one.name === name);
    if (found !== undefined) return found;
    throw new UsageError("QCOW2_SNAPSHOT_UNKNOWN", `${this.name} has no snapshot "${name}"`);
  }

  #checkNewName(name: string): void {
    const bytes = Buffer.byteLength(name);
    const say = (what: string) =>
      new UsageError("QCOW2_SNAPSHOT_NAME", `${this.name}: snapshot "${name}": ${what}`);
    if (bytes === 0 || bytes > SNAPSHOT_NAME_BYTES_MAX || name.includes("\0")) {
      throw say(`a name has 1 to ${SNAPSHOT_NAME_BYTES_MAX} bytes, and no NUL`);
    }
    if (this.#snapshots.some((one) => one.name === name)) throw say("there is one of that name");
    if (this.#snapshots.length >= SNAPSHOTS_MAX) {
      throw new UsageError("QCOW2_SNAPSHOTS_MAX", `there are ${SNAPSHOTS_MAX} snapshots already`);
    }
  }

  /** Changes the snapshots while no write is under way; `reads`: and no read of the disk. */
  async #reorganise(reads: boolean, change: (draft: Draft) => Promise<NewState>): Promise<void> {
    while (this.#gate !== undefined) await this.#gate;
    this.#checkChange("a change of the snapshots", 0, 0);
    let open: () => void = () => undefined;
    this.#gate = new Promise((resolve) => {
      open = resolve;
    });
    if (reads) this.#readGate = this.#gate;
    try {
      await this.#inFlight.drain();
      await this.#committer.settle();
      await this.#putInForce(change);
    } finally {
      this.#gate = undefined;
      this.#readGate = undefined;
      open();
    }
  }

  async #putInForce(change: (draft: Draft) => Promise<NewState>): Promise<void> {
    const { host, geometry, l2, refcounts, header } = this.#image;
    const draft = new Draft(host, geometry, refcounts, l2);
    const state = await change(draft);
    await header.markDirty(true);
    await draft.addRun(header.view.snapshotsOffset, this.#snapshotBytes, -1);
    const { l1TableOffset } = header.view;
    try {
      const { l1, snapshotBytes } = await putInForce(this.#image, draft, state);
      this.#mapping.l1 = l1;
      this.#size = state.size;
      this.#snapshots = state.snapshots;
      this.#snapshotBytes = snapshotBytes;
    } catch (error) {
      // Unless the header was to be written: which of the states is in force, nobody knows then.
      if (header.view.l1TableOffset !== l1TableOffset || header.isInDoubt)
        this.#broken = error as Error;
      throw error;
    }
    // Reads that began before may still be at tables and clusters that are free now.
    await this.#inFlight.drain();
    l2.clear();
    await draft.punch().catch(() => undefined);
  }
}
