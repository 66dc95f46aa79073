/** A tape as lists: a number is a block of so many bytes, null a filemark. */
export class TapeModel {
  readonly partitions: (number | null)[][];
  partition = 0;
  at = 0;

  constructor(partitions: number) {
    this.partitions = Array.from({ length: partitions }, () => []);
  }

  get objects(): (number | null)[] {
    return this.partitions[this.partition] as (number | null)[];
  }

  /** How many filemarks there are before the position. */
  get file(): number {
    let count = 0;
    for (let index = 0; index < this.at; index++) if (this.objects[index] === null) count++;
    return count;
  }

  write(object: number | null, count = 1): string {
    if (count === 0) return "GOOD";
    this.objects.length = this.at;
    for (let left = count; left > 0; left--) this.objects.push(object);
    this.at += count;
    return "GOOD";
  }

  erase(): string {
    this.objects.length = this.at;
    return "GOOD";
  }

  read(length: number): string {
    if (this.at === this.objects.length) return `8/00/05 ${length}`;
    const object = this.objects[this.at++] as number | null;
    if (object === null) return `0/00/01 FM ${length}`;
    return object === length ? "GOOD" : `0/00/00 ILI ${length - object}`;
  }

  locate(object: number, partition = this.partition): string {
    if (partition >= this.partitions.length) return "5/24/00";
    this.partition = partition;
    this.at = Math.min(object, this.objects.length);
    return object > this.objects.length ? "8/00/05" : "GOOD";
  }

  /** To the beginning of a file, which is behind the filemark before it. */
  locateFile(file: number, partition: number): string {
    if (partition >= this.partitions.length) return "5/24/00";
    this.locate(0, partition);
    for (let left = file; left > 0; left--) {
      const filemark = this.objects.indexOf(null, this.at);
      if (filemark < 0) return this.locate(this.objects.length + 1);
      this.at = filemark + 1;
    }
    return "GOOD";
  }

  toEnd(partition = this.partition): string {
    if (partition >= this.partitions.length) return "5/24/00";
    this.partition = partition;
    return this.locate(this.objects.length);
  }

  spaceBlocks(count: number): string {
    for (let left = Math.abs(count); left > 0; left--) {
      const next = this.#step(Math.sign(count));
      if (next === undefined) return this.#stopped(count, left);
      if (next === null) return `0/00/01 FM ${left}`;
    }
    return "GOOD";
  }

  spaceFilemarks(count: number): string {
    for (let left = Math.abs(count); left > 0;) {
      const next = this.#step(Math.sign(count));
      if (next === undefined) return this.#stopped(count, left);
      if (next === null) left--;
    }
    return "GOOD";
  }

  /** To so many filemarks without a block between them. */
  spaceSequentialFilemarks(count: number): string {
    for (let run = 0; run < Math.abs(count);) {
      const next = this.#step(Math.sign(count));
      if (next === undefined) return this.#stopped(count, undefined);
      run = next === null ? run + 1 : 0;
    }
    return "GOOD";
  }

  /** Passes the next object, or the one before; undefined where there is none. */
  #step(direction: number): number | null | undefined {
    const object = this.objects[direction > 0 ? this.at : this.at - 1];
    if (object !== undefined) this.at += direction;
    return object;
  }

  #stopped(count: number, left: number | undefined): string {
    const residue = left === undefined ? "" : ` ${left}`;
    return count > 0 ? `8/00/05${residue}` : `0/00/04 EOM${residue}`;
  }
}
