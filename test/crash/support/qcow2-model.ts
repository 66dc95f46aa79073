/** What an image may be, by what the process that wrote it has said before it was killed. */

/** The number of each block; 0 where it has none. */
export type Contents = ReadonlyMap<number, number>;

interface Write {
  readonly block: number;
  readonly number: number;
}

export class Qcow2Model {
  #durable: Contents = new Map();
  /** Written since that was durable, in this order. */
  #since: Write[] = [];
  /** Those that are there, or may be. */
  readonly snapshots = new Map<string, Contents>();
  readonly #doubtful = new Set<string>();
  /** What the disk may be instead, in whole. */
  #reverting: Contents | undefined;
  #cloning: Contents | undefined;
  /** What a clone that was told to be whole has in it. */
  clone: Contents | undefined;
  /** The highest number that was written. */
  last = 0;

  read(line: string): void {
    const [what = "", a = "", b = ""] = line.split(" ");
    switch (what) {
      case "w":
        this.#since.push({ block: Number(a), number: Number(b) });
        this.last = Math.max(this.last, Number(b));
        break;
      case "F":
        this.#become(this.#now());
        break;
      case "s":
        this.snapshots.set(a, this.#now());
        this.#doubtful.add(a);
        // Its name has the number of a trim where that came last, which says 0 of itself.
        this.last = Math.max(this.last, Number(a.slice(1)));
        break;
      case "S":
        this.#doubtful.delete(a);
        // To take a snapshot makes everything durable.
        this.#become(this.#now());
        break;
      case "d":
        this.#doubtful.add(a);
        break;
      case "D":
        this.#doubtful.delete(a);
        this.snapshots.delete(a);
        break;
      case "r":
        this.#reverting = this.#contentsOf(a);
        break;
      case "R":
        this.#become(this.#contentsOf(a));
        break;
      case "c":
        this.#cloning = this.#contentsOf(a);
        this.clone = undefined;
        break;
      case "C":
        this.clone = this.#cloning;
        break;
      default:
        if (what !== "ready") throw new Error(`the child said ${line}`);
    }
  }

  /** The blocks that cannot be what they are. */
  wrong(found: readonly number[]): Write[] {
    const wrong = differences(found, (block, number) => this.#isPossible(block, number));
    const reverting = this.#reverting;
    if (wrong.length === 0 || reverting === undefined) return wrong;
    return differences(found, (block, number) => (reverting.get(block) ?? 0) === number);
  }

  /** The snapshots that must be there, or may be, and are not, and those that must not. */
  wrongNames(names: readonly string[]): string[] {
    const missing = [...this.snapshots.keys()].filter(
      (name) => !names.includes(name) && !this.#doubtful.has(name),
    );
    return [...missing, ...names.filter((name) => !this.snapshots.has(name))];
  }

  /** What was found is what is there from now on. */
  settle(found: readonly number[], names: readonly string[]): void {
    this.#become(new Map(found.entries()));
    for (const name of this.#doubtful) if (!names.includes(name)) this.snapshots.delete(name);
    this.#doubtful.clear();
    this.clone = undefined;
  }

  #become(contents: Contents): void {
    this.#durable = contents;
    this.#since = [];
    this.#reverting = undefined;
  }

  /** With everything that was written: what the process itself would read. */
  #now(): Contents {
    const now = new Map(this.#durable);
    for (const { block, number } of this.#since) now.set(block, number);
    return now;
  }

  #contentsOf(name: string): Contents {
    const contents = this.snapshots.get(name);
    if (contents === undefined) throw new Error(`the child has a snapshot ${name}`);
    return contents;
  }

  #isPossible(block: number, number: number): boolean {
    if ((this.#durable.get(block) ?? 0) === number) return true;
    return this.#since.some((one) => one.block === block && one.number === number);
  }
}

/** Where the blocks that were found are not those of `contents`. */
export function differencesFrom(contents: Contents, found: readonly number[]): Write[] {
  return differences(found, (block, number) => (contents.get(block) ?? 0) === number);
}

function differences(
  found: readonly number[],
  isRight: (block: number, number: number) => boolean,
): Write[] {
  return found.flatMap((number, block) => (isRight(block, number) ? [] : [{ block, number }]));
}
