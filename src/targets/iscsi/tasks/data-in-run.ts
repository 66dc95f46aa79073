import type { Command } from "../../../core/command.ts";
import { DataIn, Opcode, RESERVED_TAG } from "../../../protocol/iscsi/index.ts";
import type { FullFeature } from "../full-feature.ts";
import type { Recovery } from "../recovery.ts";
import type { Task } from "./task.ts";

/** The data-in of a command as they are cut into PDUs, kept for retransmission. */
export interface DataInRun {
  readonly data: Uint8Array;
  readonly initiatorTaskTag: number;
  readonly lun: Uint8Array;
  /** For DataACK: one of its connection's. */
  tag: number;
  /** The DataSN that begins at `start`. */
  firstDataSn: number;
  start: number;
  segmentLength: number;
  maxBurstLength: number;
  /** The initiator has all before (RFC 7143, "DataACK"). */
  acknowledged: number;
}

const dataIn = DataIn.view();
const ALL = 2 ** 32;

/** The data-in of a command that is over; undefined where they are too much to be kept. */
export function keepDataIn(
  recovery: Recovery,
  task: Task,
  command: Command,
  length: number,
): DataInRun | undefined {
  const data = recovery.copy(command.data, length);
  if (data === undefined) return undefined;
  const { sendDataSegmentLengthMax, maxBurstLength } = task.phase.parameters;
  return {
    data,
    initiatorTaskTag: task.initiatorTaskTag,
    lun: new Uint8Array(task.lun),
    tag: recovery.nextTag(),
    // RFC 7143, "Data Sequencing": R2Ts and Data-In of a bidirectional command count as one.
    firstDataSn: task.r2tCount,
    start: 0,
    segmentLength: sendDataSegmentLengthMax,
    maxBurstLength,
    acknowledged: task.r2tCount,
  };
}

/** What one PDU of a run is. */
interface Segment {
  readonly dataSn: number;
  readonly offset: number;
  readonly length: number;
  readonly final: boolean;
  readonly last: boolean;
}

function* segmentsOf(run: DataInRun): Generator<Segment> {
  const { data, segmentLength, maxBurstLength } = run;
  let burstLeft = maxBurstLength;
  let dataSn = run.firstDataSn;
  for (let offset = run.start; offset < data.length;) {
    const length = Math.min(segmentLength, burstLeft, data.length - offset);
    burstLeft -= length;
    const last = offset + length === data.length;
    const final = last || burstLeft === 0;
    yield { dataSn: dataSn++, offset, length, final, last };
    if (final) burstLeft = maxBurstLength;
    offset += length;
  }
}

/** The DataSN behind the last one. */
export function endOf(run: DataInRun): number {
  let end = run.firstDataSn;
  for (const { dataSn } of segmentsOf(run)) end = dataSn + 1;
  return end;
}

/** Sends the PDUs from DataSN `from` to before `to`; how many there were. */
export function sendRun(phase: FullFeature, run: DataInRun, from = 0, to = ALL): number {
  const { writer } = phase;
  let count = 0;
  for (const { dataSn, offset, length, final, last } of segmentsOf(run)) {
    if (dataSn < from || dataSn >= to) continue;
    const pdu = dataIn.at(writer.begin(), writer.bytes);
    pdu.opcode = Opcode.dataIn;
    pdu.final = final;
    pdu.initiatorTaskTag = run.initiatorTaskTag;
    pdu.targetTransferTag = RESERVED_TAG;
    // RFC 7143, "A-bit": once a burst; behind the last one the status is acknowledged anyway.
    if (final && !last) {
      pdu.acknowledge = true;
      pdu.lun = run.lun;
      pdu.targetTransferTag = run.tag;
    }
    phase.number(pdu, false);
    pdu.statSn = 0;
    pdu.dataSn = dataSn;
    pdu.bufferOffset = offset;
    // Nobody else writes into this copy, so it needs no lender.
    writer.addData(run.data, offset, length, true);
    count++;
  }
  return count;
}

/** From `dataSn` on the PDUs are cut anew, for another MaxRecvDataSegmentLength. */
export function cutAnew(run: DataInRun, dataSn: number, phase: FullFeature): void {
  let { start } = run;
  for (const segment of segmentsOf(run)) {
    if (segment.dataSn >= dataSn) break;
    start = segment.offset + segment.length;
  }
  run.start = start;
  run.firstDataSn = Math.max(dataSn, run.firstDataSn);
  run.segmentLength = phase.parameters.sendDataSegmentLengthMax;
  run.maxBurstLength = phase.parameters.maxBurstLength;
}
