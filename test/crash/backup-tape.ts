/** What a tape must hold after a backup that was cut short: each object knows which one it is. */
import { parseSense } from "../../src/protocol/scsi/index.ts";
import type { IscsiClient } from "../support/iscsi-client.ts";

const BLOCK_BYTES_MAX = 48 * 1024;
const BLOCKS_OF_FILE_MAX = 20;

const TEST_UNIT_READY = [0, 0, 0, 0, 0, 0];
const REWIND = [1, 0, 0, 0, 0, 0];
const END_OF_DATA = "8/0/5";
const FILEMARK = "0/0/1";

/** A block of so many bytes, or with 0 a filemark. */
interface TapeObject {
  readonly id: number;
  readonly length: number;
}

/** One backup after the other on one tape, by commands that go out before the last is answered. */
export class BackupTape {
  readonly #random: (below: number) => number;
  /** What was sent: what there can be at most. */
  #sent: TapeObject[] = [];
  /** So many of them must be there: a filemark behind them was acknowledged. */
  #durable = 0;
  /** What was there before this session went back to write over it, until that has begun. */
  #before: TapeObject[] | undefined;
  #id = 0;
  #leftInFile = 0;

  constructor(random: (below: number) => number) {
    this.#random = random;
  }

  get length(): number {
    return this.#sent.length;
  }

  /** Where the next session begins: mostly at the end of data, now and then before it. */
  async begin(client: IscsiClient): Promise<void> {
    const { length } = this.#sent;
    const at = this.#random(5) === 0 ? this.#random(length + 1) : length;
    await expectGood(client, locate(at));
    if (at === length) return;
    this.#before = this.#sent;
    this.#sent = this.#sent.slice(0, at);
    this.#durable = at;
  }

  /** A block, or at the end of a file a filemark that is to be on the medium when it is done. */
  async step(client: IscsiClient): Promise<void> {
    const id = ++this.#id;
    if (this.#leftInFile-- > 0) {
      const small = this.#random(2) === 0;
      const length = 16 + this.#random(small ? 1000 : BLOCK_BYTES_MAX - 16);
      const object = { id, length };
      this.#sent.push(object);
      await expectGood(
        client,
        [0x0a, 0, length >> 16, length >> 8, length & 0xff, 0],
        bytesOf(object),
      );
      this.#before = undefined;
      return;
    }
    this.#leftInFile = this.#random(BLOCKS_OF_FILE_MAX);
    this.#sent.push({ id, length: 0 });
    const { length } = this.#sent;
    await expectGood(client, [0x10, 0, 0, 0, 1, 0]);
    this.#before = undefined;
    this.#durable = Math.max(this.#durable, length);
  }

  /**
   * Reads the tape from the object `from` on. Says what is not there though it was acknowledged,
   * or was never sent, and takes what it found as what there is.
   */
  async check(client: IscsiClient, from: number): Promise<string[]> {
    await ready(client);
    const start = Math.max(0, Math.min(from, this.#durable));
    await expectGood(client, start === 0 ? REWIND : locate(start));
    const sent = this.#sent;
    const before = this.#before ?? [];
    const found = sent.slice(0, start);
    // What was to be written over is there whole, or has begun to go.
    let least = this.#durable;
    let problem: string | undefined;
    for (;;) {
      const next = await readNext(client);
      if (next === END_OF_DATA) break;
      const index = found.length;
      const object = [sent[index], before[index]].find((one) => matches(one, next));
      if (object === undefined) {
        problem = typeof next === "string" ? `sense ${next}` : "another object than was sent";
        if (typeof next !== "string")
          problem += ` ${next.length} ${Buffer.from(next.subarray(0, 8)).toString("hex")} ${JSON.stringify(sent.slice(index, index + 4))}`;
        problem = `object ${index}: ${problem}`;
        break;
      }
      if (object !== sent[index]) least = before.length;
      found.push(object);
    }
    this.#sent = found;
    this.#durable = found.length;
    this.#before = undefined;
    this.#leftInFile = 0;
    if (problem !== undefined) return [problem];
    return found.length >= least ? [] : [`${found.length} objects, but ${least} must be there`];
  }
}

/** Takes the unit attentions of a new nexus. */
async function ready(client: IscsiClient): Promise<void> {
  for (;;) {
    const text = await senseOf(client, TEST_UNIT_READY);
    if (!text.startsWith("6/")) return;
  }
}

function locate(object: number): number[] {
  const bytes = [object >> 24, object >> 16, object >> 8, object].map((byte) => byte & 0xff);
  return [0x92, 0, 0, 0, 0, 0, 0, 0, ...bytes, 0, 0, 0, 0];
}

/** The next object's bytes, none for a filemark; or the sense that says why there is none. */
async function readNext(client: IscsiClient): Promise<Uint8Array | string> {
  const room = BLOCK_BYTES_MAX;
  const cdb = [0x08, 0x02, room >> 16, (room >> 8) & 0xff, room & 0xff, 0];
  const { status, data, sense } = await client.execute(cdb, undefined, room);
  if (status === 0) return data;
  const text = textOf(sense);
  return text === FILEMARK ? new Uint8Array(0) : text;
}

function matches(object: TapeObject | undefined, found: Uint8Array | string): boolean {
  if (object === undefined || typeof found === "string") return false;
  return Buffer.compare(bytesOf(object), found) === 0;
}

/** Half of the blocks can be compressed. */
function bytesOf({ id, length }: TapeObject): Uint8Array {
  const bytes = new Uint8Array(length).fill(id);
  if (length < 8) return bytes;
  if (id % 2 === 0) {
    let state = id;
    for (let at = 0; at < length; at++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      bytes[at] = state >>> 24;
    }
  }
  new DataView(bytes.buffer).setUint32(0, id);
  return bytes;
}

async function expectGood(
  client: IscsiClient,
  cdb: readonly number[],
  dataOut?: Uint8Array,
): Promise<void> {
  const text = await senseOf(client, cdb, dataOut);
  if (text !== "") throw new Error(`command ${cdb.join(" ")} was answered with ${text}`);
}

async function senseOf(
  client: IscsiClient,
  cdb: readonly number[],
  dataOut?: Uint8Array,
): Promise<string> {
  const { status, sense } = await client.execute(cdb, dataOut);
  if (status === 0) return "";
  return sense.length === 0 ? `status ${status}` : textOf(sense);
}

function textOf(sense: Uint8Array): string {
  const { key, asc, ascq } = parseSense(sense);
  return `${key}/${asc}/${ascq}`;
}
