import { HEADER_BYTES, INCOMPATIBLE, Qcow2Header } from "./format.ts";
import { type HeaderView, incompatibleOf } from "./header.ts";
import type { HostFile } from "./host-file.ts";

/** What one write of the header puts in force, together. */
export type HeaderChange = Partial<
  Pick<
    HeaderView,
    | "size"
    | "l1Size"
    | "l1TableOffset"
    | "refcountTableOffset"
    | "refcountTableClusters"
    | "nbSnapshots"
    | "snapshotsOffset"
  >
>;

/** The header of an open image: a sector, so that its changes are atomic. */
export class ImageHeader {
  readonly #host: HostFile;
  #sector: Uint8Array;
  #inDoubt = false;

  constructor(host: HostFile, sector: Uint8Array) {
    this.#host = host;
    this.#sector = sector;
  }

  get view(): HeaderView {
    return Qcow2Header.view(this.#sector);
  }

  /** Somebody had it open for writing and has not closed it. */
  get isDirty(): boolean {
    return (incompatibleOf(this.view) & INCOMPATIBLE.dirty) !== 0;
  }

  /** A write of it has failed: the old or the new one is there. */
  get isInDoubt(): boolean {
    return this.#inDoubt;
  }

  /** Writes it, changed; a failure leaves this copy as it was. */
  async write(change: HeaderChange): Promise<void> {
    await this.#write((view) => Object.assign(view, change));
  }

  /** "Header", incompatible feature bit 0. Bits that nobody knows here are cleared, as they ask. */
  async markDirty(dirty: boolean): Promise<void> {
    if (dirty === this.isDirty && this.view.autoclearFeatures === 0) return;
    await this.#write((view) => {
      view.incompatibleFeatures = dirty ? INCOMPATIBLE.dirty : 0;
      view.autoclearFeatures = 0;
    });
  }

  async #write(change: (view: HeaderView) => void): Promise<void> {
    const sector = Uint8Array.from(this.#sector);
    change(Qcow2Header.view(sector));
    this.#inDoubt = true;
    await this.#host.write(sector.subarray(0, HEADER_BYTES), 0);
    this.#inDoubt = false;
    this.#sector = sector;
  }
}
