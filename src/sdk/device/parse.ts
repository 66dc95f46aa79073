import { UsageError } from "../../protocol/errors.ts";
import { SENSE } from "../../protocol/scsi/index.ts";
import {
  SCST_DATA_NONE,
  SCST_DATA_UNKNOWN,
  SCST_INFO_VALID,
  SCST_TRANSFER_LEN_TYPE_FIXED,
  SCST_UNKNOWN_LENGTH,
} from "../../protocol/scst/index.ts";
import { outcomeOfError } from "../error-to-outcome.ts";
import type { DeviceHandler, DeviceSession, ParseCommand } from "../handler.ts";
import { checkCondition, good, isOutcome, type Outcome } from "../outcome.ts";
import type { Report } from "./device-loop.ts";
import type { GetCmdView, ReplyView } from "./mailbox.ts";
import type { Sessions } from "./sessions.ts";

type ParseView = GetCmdView["parseCmd"];

const COMPARE_AND_WRITE = 0x89;

/** `bufflen` is an int in SCST's structs. */
const BUFFER_LENGTH_MAX = 0x7fff_ffff;

type Lengths = Pick<
  ParseCommand,
  "dataDirection" | "dataLength" | "bufferLength" | "outBufferLength"
>;

/** A command at `parse`, with the core's guess, until it is written into the reply. */
export class GuessedCommand implements ParseCommand {
  readonly cdb: Uint8Array;
  cdbLength: number;
  lba: number;
  dataLength: number;
  bufferLength: number;
  outBufferLength: number;
  dataDirection: number;
  taskAttribute: number;
  opFlags: number;
  readonly timeoutSeconds: number;
  readonly expected: ParseCommand["expected"];
  readonly session: DeviceSession;
  readonly #proposed: Lengths | undefined;

  /** @param blockSize 0 where the device has none: lengths in blocks stay counts of them */
  constructor(view: ParseView, session: DeviceSession, blockSize: number) {
    this.cdb = view.cdb.slice();
    this.cdbLength = view.cdbLen;
    this.lba = view.lba;
    // The core has read the CDB, no more: it is the standard parse, which was not called, that
    // would have made bytes of blocks.
    const inBlocks = (view.opFlags & SCST_TRANSFER_LEN_TYPE_FIXED) !== 0 && blockSize > 0;
    const unit = inBlocks ? blockSize : 1;
    this.dataLength = view.dataLen * unit;
    this.bufferLength = view.bufflen * unit;
    this.outBufferLength = view.outBufflen * unit;
    this.dataDirection = view.dataDirection;
    this.taskAttribute = view.queueType;
    this.opFlags = view.opFlags;
    this.timeoutSeconds = view.timeout;
    this.expected =
      view.expectedValuesSet === 0
        ? undefined
        : {
            direction: view.expectedDataDirection,
            length: view.expectedTransferLen,
            outLength: view.expectedOutTransferLen,
          };
    this.session = session;
    if (this.cdb[0] === COMPARE_AND_WRITE && view.dataDirection !== SCST_DATA_UNKNOWN) {
      const { dataDirection, dataLength, bufferLength, outBufferLength } = this;
      this.#proposed = { dataDirection, dataLength, bufferLength, outBufferLength };
    }
  }

  /** SCST's own parse refuses such a command, too. */
  get isTooLong(): boolean {
    return Math.max(this.bufferLength, this.outBufferLength) > BUFFER_LENGTH_MAX;
  }

  /**
   * SCST splits a COMPARE AND WRITE by the lengths that it has found itself: with others, the
   * kernel's reads behind the end of its buffer.
   */
  #keepLengths(): void {
    if (this.#proposed !== undefined) Object.assign(this, this.#proposed);
  }

  /**
   * SPC-5, "Allocation length": zero is not an error, there is just no data. The core does not
   * take a direction without a length.
   */
  #settleDirection(): void {
    if (this.bufferLength > 0) return;
    if ((this.opFlags & SCST_UNKNOWN_LENGTH) !== 0 && this.expected !== undefined) {
      this.bufferLength = this.expected.length;
      this.dataLength = this.expected.length;
    }
    if (this.bufferLength === 0) this.dataDirection = SCST_DATA_NONE;
  }

  writeTo(reply: ReplyView["parseReply"]): void {
    this.#keepLengths();
    this.#settleDirection();
    reply.status = 0;
    reply.queueType = this.taskAttribute;
    reply.dataDirection = this.dataDirection;
    reply.cdbLen = this.cdbLength;
    reply.lba = this.lba;
    reply.dataLen = this.dataLength;
    reply.bufflen = this.bufferLength;
    reply.opFlags = this.opFlags | SCST_INFO_VALID;
    reply.outBufflen = this.outBufferLength;
  }
}

/** Has the handler read a CDB; without a `parse` of its own, by what the initiator expects. */
export function parseCommand(
  handler: DeviceHandler,
  view: ParseView,
  sessions: Sessions,
  done: (outcome: Outcome, command: GuessedCommand) => void,
  report: Report,
): void {
  const session = sessions.get(view.sessHLow, view.sessHHigh);
  const command = new GuessedCommand(view, session, handler.blockSize);
  if (command.isTooLong) {
    done(checkCondition(SENSE.LBA_OUT_OF_RANGE), command);
    return;
  }
  if (handler.parse === undefined) {
    guess(command);
    done(good, command);
    return;
  }
  const fail = (error: unknown): Outcome => {
    report("HANDLER", "the handler's parse failed", error);
    return outcomeOfError(error);
  };
  const checked = (outcome: unknown): Outcome =>
    isOutcome(outcome)
      ? outcome
      : fail(new UsageError("OUTCOME", `parse gave ${typeof outcome}, which is no outcome`));
  let outcome: Outcome | Promise<Outcome>;
  try {
    outcome = handler.parse(command);
  } catch (error) {
    outcome = fail(error);
  }
  if (!(outcome instanceof Promise)) {
    done(checked(outcome), command);
    return;
  }
  outcome
    .catch(fail)
    .then((result) => done(checked(result), command))
    .catch((error: unknown) => report("LOOP", "finishing a parse failed", error));
}

function guess(command: GuessedCommand): void {
  if (command.dataDirection !== SCST_DATA_UNKNOWN || command.expected === undefined) return;
  command.dataDirection = command.expected.direction;
  command.bufferLength = command.expected.length;
  command.dataLength = command.expected.length;
}
