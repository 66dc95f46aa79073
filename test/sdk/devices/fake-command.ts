import {
  DEVICE_TYPE,
  findCommand,
  parsedCommand,
  type SenseDetails,
  statusName,
} from "../../../src/protocol/scsi/index.ts";
import { SCST_DATA_NONE, SCST_DATA_READ } from "../../../src/protocol/scst/constants.ts";
import type { DeviceHandler, DeviceSession, ScsiCommand } from "../../../src/sdk/handler.ts";
import { good, type Outcome } from "../../../src/sdk/outcome.ts";

/** What the initiator would see. */
export interface Answer {
  readonly status: string;
  /** `"5/24/00"`: sense key, ASC and ASCQ in hex. */
  readonly sense: string | undefined;
  readonly details: SenseDetails;
  /** Data-in, as much as is sent. */
  readonly data: Uint8Array;
  /** The handler answered before it was done. */
  readonly inBackground: boolean;
  /** The handler was done when `exec` returned. */
  readonly atOnce: boolean;
}

export interface Request {
  readonly dataOut?: Uint8Array;
  /** The initiator's buffer, where it is another length than the CDB says. */
  readonly bufferLength?: number;
  readonly session?: Partial<DeviceSession>;
}

const session: DeviceSession = {
  handle: 1n,
  lun: 0,
  readOnly: false,
  initiatorName: "iqn.2026-11.io.example:initiator",
  targetName: "iqn.2026-11.io.example:target",
  transportVersion: 0x0960,
};

/** `hex("28 00 00000010 00 0008 00")` */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}

/** A command as the core would hand it to the handler after the standard parse. */
export class FakeCommand implements ScsiCommand {
  readonly cdb: Uint8Array;
  readonly cdbLength: number;
  readonly lba: number;
  readonly dataLength: number;
  readonly bufferLength: number;
  readonly buffer: Uint8Array;
  readonly outBuffer = new Uint8Array(0);
  readonly dataDirection: number;
  readonly taskAttribute = 0;
  readonly timeoutSeconds = 60;
  readonly session: DeviceSession;
  responseLength: number;
  inBackground = false;

  constructor(cdb: Uint8Array, blockSize: number, request: Request = {}) {
    this.cdb = new Uint8Array(16);
    this.cdb.set(cdb);
    this.cdbLength = cdb.length;
    this.session = { ...session, ...request.session };
    const parsed = parsedCommand();
    // A CDB that the parse refuses comes through all the same: what does the disk itself say?
    findCommand(this.cdb, DEVICE_TYPE.DISK)?.parse(this.cdb, blockSize, parsed);
    // The core's numbers are signed 64-bit ones.
    const wide = Buffer.from(this.cdb).readBigInt64BE(2);
    this.lba = parsed.lba >= 2 ** 63 ? Number(wide) : parsed.lba;
    this.dataLength = parsed.dataLength;
    this.dataDirection = parsed.dataDirection;
    const room = parsed.dataDirection === SCST_DATA_NONE ? 0 : parsed.bufferLength;
    this.buffer = request.dataOut ?? new Uint8Array(request.bufferLength ?? room);
    this.bufferLength = this.buffer.length;
    this.responseLength = this.bufferLength;
  }

  reply(data: Uint8Array): Outcome {
    this.responseLength = Math.min(data.length, this.bufferLength);
    this.buffer.set(data.subarray(0, this.responseLength));
    return good;
  }

  answerInBackground(): void {
    this.inBackground = true;
  }
}

/** Sends a CDB (in hex) to the handler. */
export async function execute(
  handler: DeviceHandler,
  cdb: string,
  request: Request = {},
): Promise<Answer> {
  const command = new FakeCommand(hex(cdb), handler.blockSize, request);
  const result = handler.exec(command);
  const outcome = await result;
  const isRead = command.dataDirection === SCST_DATA_READ && outcome.status === 0;
  return {
    status: statusName(outcome.status),
    sense: senseOf(outcome),
    details: outcome.details ?? {},
    data: isRead ? command.buffer.slice(0, command.responseLength) : new Uint8Array(0),
    inBackground: command.inBackground,
    atOnce: !(result instanceof Promise),
  };
}

function senseOf({ sense }: Outcome): string | undefined {
  if (sense === undefined) return undefined;
  const byte = (value: number) => value.toString(16).toUpperCase().padStart(2, "0");
  return `${sense.key.toString(16).toUpperCase()}/${byte(sense.asc)}/${byte(sense.ascq)}`;
}

export const EXPECT_GOOD = { status: "GOOD", sense: undefined };
export const EXPECT_LBA_OUT_OF_RANGE = { status: "CHECK CONDITION", sense: "5/21/00" };
export const EXPECT_INVALID_FIELD_IN_CDB = { status: "CHECK CONDITION", sense: "5/24/00" };
export const EXPECT_INVALID_FIELD_IN_PARAMETER_LIST = {
  status: "CHECK CONDITION",
  sense: "5/26/00",
};
export const EXPECT_PARAMETER_LIST_LENGTH_ERROR = { status: "CHECK CONDITION", sense: "5/1A/00" };
export const EXPECT_INVALID_OPCODE = { status: "CHECK CONDITION", sense: "5/20/00" };
export const EXPECT_WRITE_PROTECTED = { status: "CHECK CONDITION", sense: "7/27/00" };
export const EXPECT_MISCOMPARE = { status: "CHECK CONDITION", sense: "E/1D/00" };
export const EXPECT_SAVING_NOT_SUPPORTED = { status: "CHECK CONDITION", sense: "5/39/00" };

/** What a field pointer must be: the byte, and the bit where one is meant. */
export function inCdb(byte: number, bit?: number) {
  return { inCdb: true, byte, ...(bit === undefined ? {} : { bit }) };
}

export function inParameterList(byte: number, bit?: number) {
  return { inCdb: false, byte, ...(bit === undefined ? {} : { bit }) };
}
