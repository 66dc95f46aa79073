/** Streams blocks to and from a tape drive, as backups do: one block after the other. */
import { cpuSeconds, type BenchServer } from "../iscsi/servers.ts";
import { type Summary, summarize } from "../support/statistics.ts";
import type { TapeInitiator } from "./initiator.ts";

export const BLOCK_LENGTH = 256 * 1024;
/** Blocks of a round: half a gibibyte. */
export const BLOCK_COUNT = 2048;

const REWIND = [0x01, 0, 0, 0, 0, 0];
const WRITE_FILEMARK = [0x10, 0, 0, 0, 1, 0];
const SPACE_TO_END = [0x11, 3, 0, 0, 0, 0];
/** Back over the filemark at the end and the one before, and forward over that. */
const TO_LAST_FILE = [SPACE_TO_END, [0x11, 1, 0xff, 0xff, 0xfe, 0], [0x11, 1, 0, 0, 1, 0]];

export interface Load {
  readonly name: string;
  readonly direction: "read" | "write";
  /** Commands under way. */
  readonly depth: number;
  /** The figure that the project wants to reach, as a multiple of the peer's. */
  readonly goal?: number;
}

export const LOADS: readonly Load[] = [
  { name: "write, one block at a time", direction: "write", depth: 1, goal: 2 },
  { name: "read, one block at a time", direction: "read", depth: 1, goal: 2 },
  { name: "write, four commands under way", direction: "write", depth: 4 },
  { name: "read, four commands under way", direction: "read", depth: 4 },
];

export interface Round {
  readonly bytesPerSecond: number;
  /** Of the server's process, for a block. */
  readonly cpuUsPerBlock: number;
}

/** A drive, and who talks to it. */
export interface Side {
  readonly server: BenchServer;
  readonly initiator: TapeInitiator;
}

/**
 * Writes go behind what there is, and are followed by a filemark that the time does not have in
 * it; what is read is the first file, or the last.
 */
export async function stream(
  { server, initiator }: Side,
  { direction, depth }: Pick<Load, "direction" | "depth">,
  blocks: readonly Uint8Array[],
  file: "first" | "last" = "first",
): Promise<Round> {
  const way = direction === "write" ? [SPACE_TO_END] : file === "first" ? [REWIND] : TO_LAST_FILE;
  for (const cdb of way) await initiator.good(cdb);
  const length = [BLOCK_LENGTH >> 16, (BLOCK_LENGTH >> 8) & 0xff, BLOCK_LENGTH & 0xff];
  let left = BLOCK_COUNT;
  const worker = async () => {
    const into = new Uint8Array(direction === "read" ? BLOCK_LENGTH : 0);
    while (left > 0) {
      const block = blocks[left-- % blocks.length];
      if (direction === "write") await initiator.good([0x0a, 0, ...length, 0], block);
      else await initiator.good([0x08, 0, ...length, 0], undefined, into);
    }
  };
  const cpuBefore = cpuSeconds(server.pid);
  const begin = performance.now();
  await Promise.all(Array.from({ length: depth }, worker));
  const seconds = (performance.now() - begin) / 1000;
  const cpu = cpuSeconds(server.pid) - cpuBefore;
  if (direction === "write") await initiator.good(WRITE_FILEMARK);
  return {
    bytesPerSecond: (BLOCK_COUNT * BLOCK_LENGTH) / seconds,
    cpuUsPerBlock: (cpu * 1e6) / BLOCK_COUNT,
  };
}

/** MODE SELECT(6) of the Data Compression mode page. */
export async function setCompression(initiator: TapeInitiator, on: boolean): Promise<void> {
  const list = new Uint8Array(20);
  list[2] = 0x10;
  list.set([0x0f, 0x0e, on ? 0xc0 : 0x40, 0x80], 4);
  list[11] = 1;
  list[15] = 1;
  await initiator.good([0x15, 0x10, 0, 0, list.length, 0], list);
}

export function megabytes(bytesPerSecond: readonly number[]): string {
  const { median, min, max }: Summary = summarize(bytesPerSecond.map((rate) => rate / 1e6));
  return `${median.toFixed(0)} MB/s (${min.toFixed(0)}–${max.toFixed(0)})`;
}
