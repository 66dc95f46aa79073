import type { Layout } from "../../layout/index.ts";
import type { SenseCondition } from "../sense.ts";

/**
 * What the standard parse makes of a CDB. One is made a command slot and filled again and again.
 */
export interface ParsedCommand {
  /** The first logical block; 0 when `SCST_LBA_NOT_VALID` is among the flags. */
  lba: number;
  /** `data_len`: bytes on the medium that the command is about. */
  dataLength: number;
  /** `bufflen`: bytes between initiator and handler; of a BIDI command, data-in. */
  bufferLength: number;
  /** `out_bufflen`: data-out of a BIDI command, otherwise 0. */
  outBufferLength: number;
  /** SCST_DATA_NONE, _READ, _WRITE, _BIDI. */
  dataDirection: number;
  /** SCST's op_flags, SCST_INFO_VALID among them. */
  opFlags: number;
  cdbLength: number;
  timeoutSeconds: number;
  /** The byte of the CDB that a returned sense condition is about, or -1. */
  errorByte: number;
  /** The bit of that byte, or -1. */
  errorBit: number;
}

/** An opcode, or an opcode with a service action, as one type of device has it. */
export interface Command {
  /** The standard's name: `READ(10)`. */
  readonly name: string;
  readonly opcode: number;
  readonly serviceAction?: number | undefined;
  readonly cdb: Layout;
  readonly cdbLength: number;
  /** Where the CONTROL byte is: the last byte, or byte 1 of a variable length CDB. */
  readonly controlByte: number;
  /** SCST_DATA_*; some fields of a CDB make it something else. */
  readonly direction: number;
  /** SCST's op_flags. */
  readonly flags: number;
  /** Peripheral device types that have the command. */
  readonly deviceTypes: readonly number[];
  /** False: SCST's own table lacks it, and a device that parses by it never sees the command. */
  readonly knownToScst: boolean;
  /**
   * Fills `into` from the CDB, without allocating. Bytes that a short CDB lacks count as zero.
   * A returned condition is the answer to the initiator, with `errorByte` and `errorBit` for its
   * field pointer. `SCST_UNKNOWN_LENGTH` in the flags means that only the initiator's expected
   * length can say how much data there is; `bufferLength` is then no more than a guess.
   */
  parse(cdb: Uint8Array, blockSize: number, into: ParsedCommand): SenseCondition | undefined;
}

/** A new record for {@link Command.parse} to fill. */
export function parsedCommand(): ParsedCommand {
  return {
    lba: 0,
    dataLength: 0,
    bufferLength: 0,
    outBufferLength: 0,
    dataDirection: 0,
    opFlags: 0,
    cdbLength: 0,
    timeoutSeconds: 0,
    errorByte: -1,
    errorBit: -1,
  };
}
