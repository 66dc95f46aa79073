/** Compression: what the drive takes against what its compressor can do. */
import * as zlib from "node:zlib";

import type { Table } from "../support/section.ts";
import { summarize, withSpread } from "../support/statistics.ts";
import {
  BLOCK_COUNT,
  BLOCK_LENGTH,
  megabytes,
  setCompression,
  type Side,
  stream,
} from "./streaming.ts";

/** Of the compressor's own speed. */
const GOAL = 0.6;

export async function compressionTable(
  side: Side,
  blocks: readonly Uint8Array[],
  rounds: number,
): Promise<Table> {
  await setCompression(side.initiator, true);
  const own: number[] = [];
  const written: number[] = [];
  const read: number[] = [];
  for (let round = 0; round < rounds; round++) {
    own.push(compressorSpeed(blocks));
    written.push((await stream(side, { direction: "write", depth: 1 }, blocks)).bytesPerSecond);
    const back = await stream(side, { direction: "read", depth: 1 }, blocks, "last");
    read.push(back.bytesPerSecond);
  }
  const ratios = written.map((rate, index) => rate / own[index]!);
  const row = [
    megabytes(own),
    megabytes(written),
    withSpread(summarize(ratios)),
    GOAL.toFixed(1),
    megabytes(read),
  ];
  process.stderr.write(`compression: ${row.join("  ")}\n`);
  return {
    title: "Tape over iSCSI: compression",
    note:
      `Blocks of 256 KiB, of this project's sources, one at a time, medians of ${rounds} rounds. ` +
      `The compressor itself has the same blocks, in one thread that does nothing else.`,
    columns: ["compressor itself", "write to the tape", "ratio", "goal", "read from it"],
    rows: [row],
  };
}

const QUALITY = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 0 } };

function compressorSpeed(blocks: readonly Uint8Array[]): number {
  const begin = performance.now();
  for (let index = 0; index < BLOCK_COUNT; index++) {
    zlib.brotliCompressSync(blocks[index % blocks.length]!, QUALITY);
  }
  return (BLOCK_COUNT * BLOCK_LENGTH * 1000) / (performance.now() - begin);
}
