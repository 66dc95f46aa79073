import type { Command } from "../../../core/command.ts";
import type { SenseCondition } from "../../../protocol/scsi/sense.ts";
import type { FullFeature } from "../full-feature.ts";

/** A SCSI command under way. Sessions keep a pool of them. */
export class Task {
  /** The connection that it is allegiant to (RFC 7143, "Connection Allegiance"). */
  phase: FullFeature;
  /** Tells one use of the object from the next, and goes into Target Transfer Tags. */
  serial = 0;
  command: Command | undefined = undefined;
  initiatorTaskTag = 0;
  immediate = false;
  /** The eight bytes of the LUN, for R2Ts. */
  readonly lun = new Uint8Array(8);
  /** Bytes that the initiator takes. */
  readLength = 0;
  /** Bytes that the initiator has. */
  writeLength = 0;
  bidirectional = false;
  /** Data-In PDUs sent. */
  dataInCount = 0;

  // Data-out.

  /** The command's buffer, from when there is one until all data are in it. */
  data: Uint8Array | undefined = undefined;
  /** Takes unsolicited data while there is no buffer. */
  staging: Uint8Array | undefined = undefined;
  /** Bytes that the buffer takes, known with the buffer. */
  needed = 0;
  /** Bytes that have come. */
  received = 0;
  /** How far unsolicited data may go. */
  unsolicitedMax = 0;
  /** Unsolicited data are still to come. */
  unsolicited = false;
  /** DataSN of the sequence's next PDU. */
  dataSn = 0;
  /** Where the first R2T began. */
  solicitedFrom = 0;
  /** R2Ts sent, and those of them that have all their data. */
  r2tCount = 0;
  r2tDoneCount = 0;
  /** Where the last R2T begins. */
  r2tStart = 0;
  /** Where the next R2T begins. */
  r2tOffset = 0;
  /** How often damaged data were asked for again. */
  recoveryCount = 0;
  /** `received` when it was looked at last, to see whether it grows. */
  receivedBefore = -1;
  /** All data are there: the core has the command. */
  complete = false;
  /** Why the data are of no use; the task ends when the rest of them has come. */
  failure: SenseCondition | undefined = undefined;
  /** Sequences of data that a failed task waits for. */
  openSequenceCount = 0;
  /** The command was aborted by this target driver, and is answered with `failure`. */
  terminated = false;

  constructor(phase: FullFeature) {
    this.phase = phase;
  }

  /** Makes it as new, for its next use. */
  reset(): void {
    this.serial = (this.serial + 1) & 0x7fff;
    this.command = undefined;
    this.readLength = 0;
    this.writeLength = 0;
    this.bidirectional = false;
    this.dataInCount = 0;
    this.data = undefined;
    this.staging = undefined;
    this.needed = 0;
    this.received = 0;
    this.unsolicited = false;
    this.dataSn = 0;
    this.r2tCount = 0;
    this.r2tDoneCount = 0;
    this.recoveryCount = 0;
    this.receivedBefore = -1;
    this.complete = false;
    this.failure = undefined;
    this.terminated = false;
  }
}
