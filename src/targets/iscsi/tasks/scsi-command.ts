import {
  SCST_DATA_BIDI,
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_WRITE,
} from "../../../protocol/scst/index.ts";
import {
  AdditionalHeaderSegment,
  AhsType,
  BHS_LENGTH,
  BidirectionalReadLength,
  ExtendedCdb,
  padded,
  RejectReason,
  ScsiCommand,
} from "../../../protocol/iscsi/index.ts";
import { IscsiCode } from "../errors.ts";
import type { FullFeature } from "../full-feature.ts";
import { Sink } from "../pdu-reader.ts";
import type { Task } from "./task.ts";

const request = ScsiCommand.view();
const segment = AdditionalHeaderSegment.view();
const readLengthSegment = BidirectionalReadLength.view();

const CDB_OFFSET = ScsiCommand.offsetOf("cdb");
const LUN_OFFSET = ScsiCommand.offsetOf("lun");
/** The CDB's bytes in the header; longer ones go on in an AHS. */
const CDB_LENGTH = 16;
/** The longest CDB there is: 8 bytes and ADDITIONAL CDB LENGTH, at most 252. */
const CDB_LENGTH_MAX = 260;

const longCdb = new Uint8Array(CDB_LENGTH_MAX);

/** What the additional header segments said. */
const extras = { cdbLength: CDB_LENGTH, readLength: -1 };

/** A SCSI Command: begins its task, and says where its immediate data go. */
export function receiveScsiCommand(
  phase: FullFeature,
  bytes: Uint8Array,
  at: number,
  ahsLength: number,
  dataLength: number,
): Sink {
  const pdu = request.at(at, bytes);
  const tag = pdu.initiatorTaskTag;
  if (phase.session.tasks.has(tag)) {
    phase.rejectRequest(RejectReason.invalidPduField, "its task tag is in use", bytes, at);
    return Sink.discard;
  }
  extras.cdbLength = CDB_LENGTH;
  extras.readLength = -1;
  if (ahsLength > 0 && !readSegments(bytes, at, ahsLength)) {
    phase.rejectRequest(RejectReason.invalidPduField, "an AHS is malformed", bytes, at);
    return Sink.discard;
  }
  const wrong = violation(phase, dataLength);
  if (wrong !== undefined) {
    phase.violation(IscsiCode.dataSequence, `SCSI Command: ${wrong}`, bytes, at);
    return Sink.discard;
  }
  const task = begin(phase, bytes, at, tag);
  const final = pdu.final || !pdu.write;
  task.unsolicited = dataLength > 0 || !final;
  const sink = dataLength > 0 ? Sink.stream : Sink.discard;
  if (dataLength > 0) phase.beginData(task, final);
  task.command?.submit();
  return sink;
}

/** Which rule the command in `request` breaks with its unsolicited data. */
function violation(phase: FullFeature, dataLength: number): string | undefined {
  const { immediateData, initialR2t, firstBurstLength } = phase.parameters;
  if (dataLength > 0) {
    if (!request.write) return "data for a command that writes none";
    if (!immediateData) return "immediate data where ImmediateData=No";
    if (dataLength > request.expectedDataTransferLength || dataLength > firstBurstLength) {
      return `${dataLength} bytes of immediate data are more than was agreed or announced`;
    }
  }
  if (!request.final && request.write && initialR2t) {
    return "unsolicited data announced where InitialR2T=Yes";
  }
  return undefined;
}

function begin(phase: FullFeature, bytes: Uint8Array, at: number, tag: number): Task {
  const { read, write, expectedDataTransferLength: expected } = request;
  const task = phase.session.newTask(phase, tag, request.immediate);
  const command = phase.coreSession.command();
  task.command = command;
  for (let i = 0; i < 8; i++) task.lun[i] = bytes[at + LUN_OFFSET + i] as number;
  command.transport = task;
  command.tag = tag;
  command.taskAttribute = request.taskAttribute;
  command.setLun(bytes, at + LUN_OFFSET);
  if (extras.cdbLength > CDB_LENGTH) command.setCdb(longCdb, 0, extras.cdbLength);
  else command.setCdb(bytes, at + CDB_OFFSET, CDB_LENGTH);
  if (read && write) {
    command.expectedDirection = SCST_DATA_BIDI;
    task.bidirectional = true;
    task.writeLength = expected;
    task.readLength = Math.max(extras.readLength, 0);
    command.expectedLength = task.readLength;
    command.expectedOutLength = expected;
  } else if (read) {
    command.expectedDirection = SCST_DATA_READ;
    command.expectedLength = expected;
    task.readLength = expected;
  } else if (write) {
    command.expectedDirection = SCST_DATA_WRITE;
    command.expectedLength = expected;
    task.writeLength = expected;
  } else {
    command.expectedDirection = SCST_DATA_NONE;
  }
  task.unsolicitedMax = Math.min(phase.parameters.firstBurstLength, task.writeLength);
  return task;
}

/** Reads the additional header segments into `extras`; false when they make no sense. */
function readSegments(bytes: Uint8Array, at: number, ahsLength: number): boolean {
  const end = at + BHS_LENGTH + ahsLength;
  let position = at + BHS_LENGTH;
  while (position + AdditionalHeaderSegment.size < end) {
    const { ahsLength: length, ahsType } = segment.at(position, bytes);
    const next = position + padded(AdditionalHeaderSegment.size + length);
    if (length === 0 || next > end) return false;
    if (ahsType === AhsType.extendedCdb) {
      if (!readCdb(bytes, at, position, length - 1)) return false;
    } else if (ahsType === AhsType.bidirectionalReadLength) {
      if (length !== BidirectionalReadLength.size - AdditionalHeaderSegment.size) return false;
      extras.readLength = readLengthSegment.at(position, bytes).readDataLength;
    }
    position = next;
  }
  return position === end;
}

function readCdb(bytes: Uint8Array, at: number, position: number, length: number): boolean {
  if (length === 0 || CDB_LENGTH + length > CDB_LENGTH_MAX || extras.cdbLength > CDB_LENGTH) {
    return false;
  }
  longCdb.set(bytes.subarray(at + CDB_OFFSET, at + CDB_OFFSET + CDB_LENGTH));
  const start = position + ExtendedCdb.size;
  longCdb.set(bytes.subarray(start, start + length), CDB_LENGTH);
  extras.cdbLength = CDB_LENGTH + length;
  return true;
}
