import type { Command } from "../../core/index.ts";

/** One command of a local initiator; may be submitted again once it is done. */
export interface LocalTask {
  lun: number;
  cdb: Uint8Array;
  /** `SCST_CMD_QUEUE_…`; SIMPLE unless said. */
  taskAttribute?: number;
  tag?: number;
  /** `SCST_DATA_…`: what the initiator expects. */
  expectedDirection: number;
  expectedLength: number;
  expectedOutLength?: number;
  dataOut?: Uint8Array | undefined;
  /** The command's status, sense and data are valid during the call only. */
  done(command: Command): void;
}
