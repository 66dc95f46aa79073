import { UsageError } from "../../protocol/errors.ts";
import { SCST_DATA_UNKNOWN, SCST_INFO_VALID } from "../../protocol/scst/index.ts";
import { outcomeOfError } from "../error-to-outcome.ts";
import type { DeviceHandler, DeviceSession, ParseCommand } from "../handler.ts";
import { good, isOutcome, type Outcome } from "../outcome.ts";
import type { Report } from "./device-loop.ts";
import type { GetCmdView, ReplyView } from "./mailbox.ts";
import type { Sessions } from "./sessions.ts";

type ParseView = GetCmdView["parseCmd"];

const COMPARE_AND_WRITE = 0x89;

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

  constructor(view: ParseView, session: DeviceSession) {
    this.cdb = view.cdb.slice();
    this.cdbLength = view.cdbLen;
    this.lba = view.lba;
    this.dataLength = view.dataLen;
    this.bufferLength = view.bufflen;
    this.outBufferLength = view.outBufflen;
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
      const { dataDirection, dataLen: dataLength, bufflen: bufferLength } = view;
      this.#proposed = {
        dataDirection,
        dataLength,
        bufferLength,
        outBufferLength: view.outBufflen,
      };
    }
  }

  /**
   * SCST splits a COMPARE AND WRITE by the lengths that it has found itself: with others, the
   * kernel's reads behind the end of its buffer.
   */
  #keepLengths(): void {
    if (this.#proposed !== undefined) Object.assign(this, this.#proposed);
  }

  writeTo(reply: ReplyView["parseReply"]): void {
    this.#keepLengths();
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
  const command = new GuessedCommand(view, sessions.get(view.sessHLow, view.sessHHigh));
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
