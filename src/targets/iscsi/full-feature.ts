import type { Session } from "../../core/session.ts";
import {
  BasicHeaderSegment,
  BHS_LENGTH,
  NopOut,
  Opcode,
  pduName,
  Reject,
  type RejectReason,
  RejectReason as Reason,
  RESERVED_TAG,
  serialAdd,
} from "../../protocol/iscsi/index.ts";
import { uint32 } from "./bytes.ts";
import { Arrival } from "./cmd-sn-window.ts";
import { IscsiCode } from "./errors.ts";
import type { Replayer } from "./held-requests.ts";
import type { SessionParameters } from "./negotiation.ts";
import { type PduConsumer, Sink } from "./pdu-reader.ts";
import type { PduWriter } from "./pdu-writer.ts";
import type { PhaseHost } from "./phase-host.ts";
import { Recovery } from "./recovery.ts";
import type { IscsiSession } from "./session.ts";
import { dataOutLost, endDataOut, receiveDataOut, storeDataOut } from "./tasks/data-out.ts";
import { receiveScsiCommand } from "./tasks/scsi-command.ts";
import { receiveSnack } from "./tasks/snack.ts";
import { Staging } from "./tasks/staging.ts";
import type { Task } from "./tasks/task.ts";

/** Answers a request that comes whole: all but SCSI Command and Data-Out. */
export type RequestHandler = (
  phase: FullFeature,
  bytes: Uint8Array,
  at: number,
  data: Uint8Array,
) => void;

/** The requests that this phase takes whole, by opcode. */
export type RequestHandlers = { readonly [opcode: number]: RequestHandler | undefined };

/** Sequence numbers in every PDU of the target. */
interface NumberedPdu {
  statSn: number;
  expCmdSn: number;
  maxCmdSn: number;
}

/** How the PDU that is being read will end. */
const Ending = { nothing: 0, data: 1, request: 2, hold: 3 } as const;

const header = BasicHeaderSegment.view();
const reject = Reject.view();
const CMD_SN_OFFSET = NopOut.offsetOf("cmdSn");
const EXP_STAT_SN_OFFSET = NopOut.offsetOf("expStatSn");
const TAG_OFFSET = NopOut.offsetOf("initiatorTaskTag");

/** The full feature phase of one connection: what is not shared with others of its session. */
export class FullFeature implements PduConsumer, Replayer {
  readonly host: PhaseHost;
  readonly writer: PduWriter;
  readonly session: IscsiSession;
  parameters: SessionParameters;
  readonly staging: Staging;
  readonly counts = { rejects: 0, r2ts: 0, dataDigestErrors: 0 };
  /** What can be sent again: from ErrorRecoveryLevel 1 on. */
  readonly recovery: Recovery | undefined;
  /** The connection is gone, and its tasks wait for another one: with ErrorRecoveryLevel 2. */
  connectionLost = false;
  /** Tasks that are allegiant to this connection. */
  taskCount = 0;
  /** Told when there are none left, once. */
  whenIdle: (() => void) | undefined = undefined;
  readonly #handlers: RequestHandlers;
  #statSn: number;
  #ending: number = Ending.nothing;
  #replaying = false;
  /** Requests count as received only when their data are known to be whole. */
  readonly #checksFirst: boolean;

  // The data segment that is streamed into a task.
  #task: Task | undefined;
  #taskSerial = 0;
  #taskFinal = false;
  #taskPosition = 0;

  constructor(options: {
    host: PhaseHost;
    writer: PduWriter;
    parameters: SessionParameters;
    handlers: RequestHandlers;
    session: IscsiSession;
    statSn: number;
  }) {
    this.host = options.host;
    this.writer = options.writer;
    this.parameters = options.parameters;
    this.#handlers = options.handlers;
    this.session = options.session;
    this.staging = new Staging(options.host);
    this.#statSn = options.statSn;
    const { errorRecoveryLevel, dataDigest } = options.parameters;
    const recovers = errorRecoveryLevel > 0;
    this.recovery = recovers ? new Recovery(options.host.limits.keptLengthMax) : undefined;
    this.#checksFirst = recovers && dataDigest;
    this.writer.tap = this.recovery;
  }

  /** StatSN of the next status. */
  get nextStatSn(): number {
    return this.#statSn;
  }

  /** The session that takes commands. Only asked for once a SCSI Command was let through. */
  get coreSession(): Session {
    return this.session.core as Session;
  }

  /** A discovery session has no logical units. */
  get discovery(): boolean {
    return this.session.core === undefined;
  }

  // Reading.

  header(bytes: Uint8Array, at: number, ahsLength: number, dataLength: number): Sink {
    this.#ending = Ending.nothing;
    this.#task = undefined;
    const opcode = (bytes[at] as number) & 0x3f;
    const { recovery } = this;
    if (recovery !== undefined) {
      recovery.acknowledge(uint32(bytes, at + EXP_STAT_SN_OFFSET));
      if (opcode === Opcode.snackRequest) {
        receiveSnack(this, recovery, bytes, at);
        return Sink.discard;
      }
    }
    if (opcode === Opcode.dataOut) return this.#dataOut(bytes, at);
    const handler = this.#handlers[opcode];
    if (opcode !== Opcode.scsiCommand && handler === undefined) {
      this.#unexpected(opcode, bytes, at);
      return Sink.discard;
    }
    const arrival = this.#arrive(bytes, at, dataLength > 0);
    if (arrival === Arrival.ignored) return Sink.discard;
    if (arrival === Arrival.early) {
      this.#ending = Ending.hold;
      return Sink.whole;
    }
    if (opcode !== Opcode.scsiCommand) {
      this.#ending = Ending.request;
      return Sink.whole;
    }
    if (this.discovery) {
      this.rejectRequest(Reason.protocolError, "this is a discovery session", bytes, at);
      return Sink.discard;
    }
    const { immediateCountMax } = this.host.limits;
    if (this.session.immediateCount >= immediateCountMax && isImmediate(bytes, at)) {
      this.reject(Reason.immediateCommandReject, "too many immediate commands", bytes, at);
      return Sink.discard;
    }
    return receiveScsiCommand(this, bytes, at, ahsLength, dataLength);
  }

  #dataOut(bytes: Uint8Array, at: number): Sink {
    if (this.session.held.hasTag(header.at(at, bytes).initiatorTaskTag)) {
      this.#ending = Ending.hold;
      return Sink.whole;
    }
    return receiveDataOut(this, bytes, at);
  }

  #unexpected(opcode: number, bytes: Uint8Array, at: number): void {
    if (opcode === Opcode.loginRequest) {
      this.violation(IscsiCode.handshake, "a Login Request after the login", bytes, at);
    } else if (opcode === Opcode.snackRequest) {
      this.reject(Reason.snackReject, "ErrorRecoveryLevel is 0", bytes, at);
    } else {
      this.reject(Reason.commandNotSupported, `${pduName(opcode)} is no request`, bytes, at);
    }
  }

  #arrive(bytes: Uint8Array, at: number, withData: boolean): Arrival {
    if (isImmediate(bytes, at)) return Arrival.inOrder;
    const cmdSn = uint32(bytes, at + CMD_SN_OFFSET);
    const { window, held } = this.session;
    // RFC 7143, "Digest Errors": a request with damaged data was not received, and can be retried.
    const later = withData && this.#checksFirst && !this.#replaying;
    const found = later ? window.classify(cmdSn) : window.arrive(cmdSn);
    const arrival = later && found === Arrival.inOrder ? Arrival.early : found;
    if (arrival === Arrival.inOrder) return arrival;
    if (arrival === Arrival.early && !held.has(cmdSn)) return arrival;
    this.host.log({
      level: "debug",
      code: IscsiCode.cmdSn,
      message: `CmdSN ${cmdSn} ignored: ${window.expCmdSn} is expected`,
    });
    return Arrival.ignored;
  }

  data(bytes: Uint8Array, offset: number, length: number): void {
    const task = this.#task;
    if (task === undefined) return;
    if (task.serial === this.#taskSerial) {
      storeDataOut(this, task, this.#taskPosition, bytes, offset, length);
    }
    this.#taskPosition += length;
  }

  end(bytes: Uint8Array, at: number, ahsLength: number, data: Uint8Array): void {
    switch (this.#ending) {
      case Ending.data: {
        const task = this.#task;
        this.#task = undefined;
        if (task?.serial === this.#taskSerial) {
          endDataOut(this, task, this.#taskPosition, this.#taskFinal);
        }
        break;
      }
      case Ending.request:
        this.#handlers[(bytes[at] as number) & 0x3f]?.(this, bytes, at, data);
        break;
      case Ending.hold:
        this.#hold(bytes, at, ahsLength, data);
        break;
      default:
        break;
    }
    if (this.session.held.size > 0) this.session.releaseHeld();
  }

  #hold(bytes: Uint8Array, at: number, ahsLength: number, data: Uint8Array): void {
    const isData = ((bytes[at] as number) & 0x3f) === Opcode.dataOut;
    const cmdSn = isData ? undefined : uint32(bytes, at + CMD_SN_OFFSET);
    const tag = uint32(bytes, at + TAG_OFFSET);
    const headerBytes = bytes.subarray(at, at + BHS_LENGTH + ahsLength);
    if (!this.session.held.add(this, cmdSn, tag, headerBytes, data)) {
      this.host.fail(IscsiCode.held, "too many bytes wait for a missing CmdSN");
    }
  }

  replay(headerBytes: Uint8Array, data: Uint8Array): void {
    const ahsLength = headerBytes.length - BHS_LENGTH;
    // Another connection may have let it through in the middle of a PDU of this one.
    const ending = this.#ending;
    const task = this.#task;
    const [serial, final, position] = [this.#taskSerial, this.#taskFinal, this.#taskPosition];
    this.#replaying = true;
    const sink = this.header(headerBytes, 0, ahsLength, data.length);
    if (sink === Sink.stream) this.data(data, 0, data.length);
    this.end(headerBytes, 0, ahsLength, data);
    this.#replaying = false;
    this.#ending = ending;
    this.#task = task;
    [this.#taskSerial, this.#taskFinal, this.#taskPosition] = [serial, final, position];
  }

  /**
   * RFC 7143, "Digest Errors": the PDU is rejected and discarded. The initiator may send a
   * request once more; a task whose data are missing fails where they can't be asked for again.
   */
  badData(bytes: Uint8Array, at: number): void {
    this.counts.dataDigestErrors++;
    const ending = this.#ending;
    this.#ending = Ending.nothing;
    const why = "its data digest is wrong";
    if (ending === Ending.request) this.rejectRequest(Reason.dataDigestError, why, bytes, at);
    else this.reject(Reason.dataDigestError, why, bytes, at);
    const task = this.#task;
    this.#task = undefined;
    if (ending === Ending.data && task?.serial === this.#taskSerial) {
      dataOutLost(this, task, this.#taskFinal);
    }
    if (this.session.held.size > 0) this.session.releaseHeld();
  }

  lost(code: IscsiCode, message: string): void {
    this.host.fail(code, message);
  }

  // Answering.

  /** Fills in the sequence numbers; a PDU with a status takes a StatSN of its own. */
  number(pdu: NumberedPdu, withStatus: boolean): void {
    pdu.statSn = this.#statSn;
    if (withStatus) {
      this.recovery?.expect(this.#statSn);
      this.#statSn = serialAdd(this.#statSn, 1);
    }
    const { window } = this.session;
    pdu.expCmdSn = window.expCmdSn;
    pdu.maxCmdSn = window.maxCmdSn;
  }

  /** A request that came whole is over: its place in the window is free. */
  over(bytes: Uint8Array, at: number): void {
    if (!isImmediate(bytes, at)) this.session.window.over();
  }

  /** Rejects a request that had been let through the window. */
  rejectRequest(reason: RejectReason, why: string, bytes: Uint8Array, at: number): void {
    this.over(bytes, at);
    this.reject(reason, why, bytes, at);
  }

  reject(reason: RejectReason, why: string, bytes: Uint8Array, at: number): void {
    this.counts.rejects++;
    this.host.log({
      level: "warning",
      code: IscsiCode.rejected,
      message: `${pduName((bytes[at] as number) & 0x3f)} rejected (reason ${reason}): ${why}`,
    });
    const pdu = reject.at(this.writer.begin(), this.writer.bytes);
    pdu.opcode = Opcode.reject;
    pdu.final = true;
    pdu.reason = reason;
    pdu.initiatorTaskTag = RESERVED_TAG;
    this.number(pdu, true);
    this.writer.addData(bytes, at, BHS_LENGTH, false);
  }

  /** The peer broke the protocol in a way that ErrorRecoveryLevel 0 does not mend. */
  violation(code: IscsiCode, message: string, bytes: Uint8Array, at: number): void {
    this.reject(Reason.protocolError, message, bytes, at);
    this.host.fail(code, message);
  }

  /** Data-out that are not in order: not the end of the connection, but worth a line. */
  noteSequence(message: string): void {
    this.host.log({ level: "warning", code: IscsiCode.dataSequence, message });
  }

  // Data-out.

  /** The PDU that is being read brings data for `task`. */
  beginData(task: Task, final: boolean): void {
    this.#ending = Ending.data;
    this.#task = task;
    this.#taskSerial = task.serial;
    this.#taskFinal = final;
    this.#taskPosition = 0;
  }
}

function isImmediate(bytes: Uint8Array, at: number): boolean {
  return ((bytes[at] as number) & 0x40) !== 0;
}
