/** What a disk must hold: each sector knows where it is and which write it is from. */
import type { IscsiClient } from "../support/iscsi-client.ts";

export const SECTOR_BYTES = 512;
const READ_SECTORS = 128;
/** A write is this long at most; its data goes with the command. */
const WRITE_SECTORS_MAX = 32;

/** Pseudo-random numbers from a seed, so that a failure can be had again. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

interface Write {
  readonly sector: number;
  readonly count: number;
  readonly version: number;
}

export class TaggedDisk {
  readonly sectors: number;
  /** Of each sector: the last write that was acknowledged, and the last that was sent. */
  readonly #acknowledged: Uint32Array;
  readonly #sent: Uint32Array;
  readonly #random: (below: number) => number;
  readonly #busy: Uint8Array;
  #version = 0;

  constructor(sectors: number, random: (below: number) => number) {
    this.sectors = sectors;
    this.#acknowledged = new Uint32Array(sectors);
    this.#sent = new Uint32Array(sectors);
    this.#busy = new Uint8Array(sectors);
    this.#random = random;
  }

  /** One write, or one flush, somewhere. */
  async step(client: IscsiClient): Promise<void> {
    if (this.#random(20) === 0) {
      const { status } = await client.execute([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
      if (status !== 0) throw new Error(`SYNCHRONIZE CACHE was answered with ${status}`);
      return;
    }
    const write = this.#choose();
    if (write === undefined) return;
    const { sector, count, version } = write;
    const fua = this.#random(8) === 0 ? 0x08 : 0;
    this.#busy.fill(1, sector, sector + count);
    this.#sent.fill(version, sector, sector + count);
    const cdb = [0x2a, fua, 0, sector >> 16, (sector >> 8) & 0xff, sector & 0xff, 0, 0, count, 0];
    const { status } = await client.execute(cdb, tagged(write));
    if (status !== 0) throw new Error(`WRITE at sector ${sector} was answered with ${status}`);
    this.#acknowledged.fill(version, sector, sector + count);
    this.#busy.fill(0, sector, sector + count);
  }

  /**
   * Reads all of it back. Says what is not there though it was acknowledged, or was never sent,
   * and takes what it found as what there is.
   */
  async check(client: IscsiClient): Promise<string[]> {
    const problems: string[] = [];
    for (let sector = 0; sector < this.sectors; sector += READ_SECTORS) {
      const cdb = [
        0x28,
        0,
        0,
        sector >> 16,
        (sector >> 8) & 0xff,
        sector & 0xff,
        0,
        0,
        READ_SECTORS,
      ];
      const length = READ_SECTORS * SECTOR_BYTES;
      const { status, data } = await client.execute([...cdb, 0], undefined, length);
      if (status !== 0) problems.push(`READ at sector ${sector} was answered with ${status}`);
      for (let index = 0; index < READ_SECTORS; index++) {
        const found = data.subarray(index * SECTOR_BYTES, (index + 1) * SECTOR_BYTES);
        const problem = this.#checkSector(sector + index, found);
        if (problem !== undefined) problems.push(problem);
      }
    }
    this.#busy.fill(0);
    return problems;
  }

  #checkSector(sector: number, found: Uint8Array): string | undefined {
    const acknowledged = this.#acknowledged[sector] as number;
    const sent = this.#sent[sector] as number;
    const view = new DataView(found.buffer, found.byteOffset);
    const version = view.getUint32(4);
    const expected = version === 0 ? new Uint8Array(SECTOR_BYTES) : tag(sector, version);
    this.#acknowledged[sector] = version;
    this.#sent[sector] = version;
    if (Buffer.compare(found, expected) !== 0) return `sector ${sector}: torn or another's data`;
    if (version === acknowledged || version === sent) return undefined;
    return `sector ${sector}: write ${version}, but ${acknowledged} was acknowledged`;
  }

  /** A range that no write is under way to: of two at a time either may win. */
  #choose(): Write | undefined {
    const count = 1 + this.#random(WRITE_SECTORS_MAX);
    const sector = this.#random(this.sectors - count);
    if (this.#busy.subarray(sector, sector + count).includes(1)) return undefined;
    return { sector, count, version: ++this.#version };
  }
}

function tagged({ sector, count, version }: Write): Uint8Array {
  const data = new Uint8Array(count * SECTOR_BYTES);
  for (let index = 0; index < count; index++) {
    data.set(tag(sector + index, version), index * SECTOR_BYTES);
  }
  return data;
}

function tag(sector: number, version: number): Uint8Array {
  const bytes = new Uint8Array(SECTOR_BYTES).fill((sector * 7 + version * 31) & 0xff);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, sector);
  view.setUint32(4, version);
  return bytes;
}
