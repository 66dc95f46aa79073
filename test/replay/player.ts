/** Plays a recording against our core: the commands, the replies, and what must come of them. */
import {
  SCST_ABORT_TASK_SET,
  SCST_CLEAR_TASK_SET,
  SCST_DATA_WRITE,
  SCST_LUN_RESET,
  SCST_TARGET_RESET,
  SCST_USER_GET_OPTIONS,
  SCST_USER_SET_OPTIONS,
  ScstUserGetCmd,
  ScstUserOpt,
} from "../../src/protocol/scst/index.ts";
import { errnoName } from "../../src/protocol/errno.ts";
import type { GetCmdView } from "../support/raw-program.ts";
import { compareDataIn, compareGet, cName, type FieldDifference, valueText } from "./compare.ts";
import type { Difference, Outcome, Phase } from "./differences.ts";
import { dataRead, dataWritten } from "./data.ts";
import { Handler } from "./handler.ts";
import { type Pending, Stage } from "./stage.ts";
import { SUBCOMMANDS, subcommandName, type SubcommandName } from "../support/subcommands.ts";
import {
  type CommandStep,
  type GetRecord,
  type IoctlRecord,
  type Step,
  type Trace,
  TraceError,
  type UserRecord,
} from "./trace.ts";

const FUNCTIONS: Readonly<Record<string, number>> = {
  ABORT_TASK_SET: SCST_ABORT_TASK_SET,
  CLEAR_TASK_SET: SCST_CLEAR_TASK_SET,
  LUN_RESET: SCST_LUN_RESET,
  TARGET_RESET: SCST_TARGET_RESET,
};

/** How often a step that went wrong is helped to its end. */
const RESCUES_MAX = 1000;

/** Plays `trace` from registration to tear-down. */
export function replay(trace: Trace): Outcome {
  return new Player(trace).play();
}

class Player {
  readonly #trace: Trace;
  readonly #stage: Stage;
  readonly #handler: Handler;
  readonly #differences: Difference[] = [];
  #phase: Phase = "before";
  /** Nexus by recorded session handle, and ours by the recorded one. */
  readonly #nexuses = new Map<bigint, number>();
  readonly #sessions = new Map<bigint, bigint>();
  /** What comes next and could not be used yet. */
  #ahead: GetCmdView | undefined;
  #pending: Pending[] = [];
  #step: CommandStep | undefined;

  constructor(trace: Trace) {
    this.#trace = trace;
    this.#stage = new Stage(trace);
    this.#handler = new Handler(this.#stage.program);
  }

  play(): Outcome {
    const { name, before, steps, after } = this.#trace;
    this.#walk(before, (record) => this.#startBefore(record));
    this.#settle();
    for (const [index, step] of steps.entries()) {
      this.#phase = index;
      this.#playStep(step);
    }
    this.#phase = "after";
    this.#walk(after, (record) => this.#startAfter(record));
    this.#rescue();
    return { name, steps: steps.length, differences: this.#differences };
  }

  #playStep(step: Step): void {
    if (step.kind === "task management") {
      this.#step = undefined;
      this.#handler.data = undefined;
      this.#manageTasks(step.nexus, step.function);
      this.#walk(step.user);
      this.#settle();
      return;
    }
    this.#step = step;
    this.#handler.data = dataRead(step, this.#stage.dataOutOf(step));
    const pending = this.#stage.submitStep(step);
    this.#pending.push(pending);
    this.#walk(step.user);
    this.#settle();
    this.#compareResponse(step, pending);
  }

  #manageTasks(nexus: number, name: string): void {
    const code = FUNCTIONS[name];
    if (code === undefined) throw new TraceError(`${name} is no task management function`);
    const pending: Pending = { response: undefined };
    this.#pending.push(pending);
    const phase = this.#phase;
    void this.#stage
      .initiator(nexus)
      .taskManagement({ function: code })
      .then((status) => {
        if (status !== 0) this.#add(phase, name, "status", "0", `${status}`);
      });
    pending.response = { status: 0, sense: NOTHING, dataIn: NOTHING, residual: 0 };
  }

  /** Goes through `records`; `start` makes happen what a get is the consequence of. */
  #walk(records: readonly UserRecord[], start?: (record: GetRecord) => void): void {
    for (const [index, record] of records.entries()) {
      const rest = records.slice(index + 1);
      switch (record.kind) {
        case "get":
          start?.(record);
          this.#get(record, rest);
          break;
        case "reply": {
          // A command that found no free buffer had overlapped the one before.
          const [next] = rest;
          if (next?.kind === "get" && bringsBuffer(next)) start?.(next);
          const error = this.#handler.reply(record, rest);
          if (error < 0) this.#note(record.subcode, "reply", "accepted", errnoName(error));
          break;
        }
        case "ioctl":
          this.#ioctl(record);
          break;
        case "errno":
          // Nothing was to be had just then: a matter of the recording's timing.
          break;
        default:
          break;
      }
    }
  }

  /** Takes the next subcommand and compares it with `record`. */
  #get(record: GetRecord, rest: readonly UserRecord[]): void {
    for (;;) {
      const ours = this.#ahead ?? this.#stage.program.get();
      this.#ahead = undefined;
      const name = ours === undefined ? "" : subcommandName(ours.subcode);
      if (ours !== undefined && name === record.subcode) {
        this.#compare(record, ours);
        return;
      }
      if (ours === undefined || isAhead(name, rest)) {
        this.#note(record.subcode, "subcommand", "handed out", "not");
        this.#ahead = ours;
        return;
      }
      this.#note(name, "subcommand", "not", "handed out");
      this.#handler.answerUnexpected(ours);
    }
  }

  #compare(record: GetRecord, ours: GetCmdView): void {
    const recorded = ScstUserGetCmd.view(record.bytes);
    if (record.subcode === "ATTACH_SESS") this.#sessions.set(recorded.sess.sessH, ours.sess.sessH);
    const translate = (handle: bigint | number) =>
      typeof handle === "bigint" ? this.#sessions.get(handle) : this.#handler.ourHandle(handle);
    this.#noteAll(record.subcode, compareGet(record.subcode, record.bytes, ours, translate));
    this.#handler.took(recorded.cmdH, ours);
    const { execCmd } = ours;
    const writes = record.subcode === "EXEC" && execCmd.dataDirection === SCST_DATA_WRITE;
    if (writes && this.#step !== undefined) this.#compareDataOut(execCmd, this.#step);
  }

  /** What the handler finds in the command's buffer. */
  #compareDataOut({ cdb, bufflen, pbuf }: GetCmdView["execCmd"], step: CommandStep): void {
    const sent = this.#stage.dataOutOf(step);
    const ours = this.#handler.bytesAt(pbuf, bufflen);
    if (sent === undefined || ours === undefined) return;
    const expected = dataWritten(cdb, bufflen, step, sent);
    if (expected === undefined) return;
    if (Buffer.compare(ours, expected) !== 0) {
      this.#note("EXEC", "data-out", valueText(expected), valueText(ours));
    }
  }

  #startBefore(record: GetRecord): void {
    const view = ScstUserGetCmd.view(record.bytes);
    if (this.#handler.started.has(record)) return;
    this.#handler.started.add(record);
    if (record.subcode === "ATTACH_SESS") {
      const nexus = this.#nexusOfSession(view.sess.sessH);
      this.#nexuses.set(view.sess.sessH, nexus);
      this.#stage.connect(nexus, view.sess.initiatorName);
    } else if (record.subcode === "EXEC") {
      const nexus = this.#nexuses.get(view.execCmd.sessH);
      if (nexus === undefined) throw new TraceError("an EXEC before its session's ATTACH_SESS");
      this.#pending.push(this.#stage.submitRecorded(nexus, view));
    }
  }

  /** The number that the steps give a session: what they make of it says which it is. */
  #nexusOfSession(sessH: bigint): number {
    for (const { nexus, user } of this.#trace.steps) {
      const get = user.find((record) => record.kind === "get");
      if (get === undefined) continue;
      const member = SUBCOMMANDS[get.subcode].get;
      const message = ScstUserGetCmd.view(get.bytes)[member];
      if ("sessH" in message) return message.sessH === sessH ? nexus : 1 - nexus;
    }
    throw new TraceError("no step tells which session is which nexus");
  }

  /** A session ends by itself; the last one when its LUN goes. */
  #startAfter(record: GetRecord): void {
    const view = ScstUserGetCmd.view(record.bytes);
    if (record.subcode === "TASK_MGMT_RECEIVED") {
      const nexus = this.#nexuses.get(view.tmCmd.sessH) as number;
      this.#nexuses.delete(view.tmCmd.sessH);
      void this.#stage.initiator(nexus).close();
    } else if (record.subcode === "DETACH_SESS" && this.#nexuses.has(view.sess.sessH)) {
      this.#stage.removeLun();
    }
  }

  #ioctl(record: IoctlRecord): void {
    const bytes = record.in?.slice();
    if (bytes === undefined) throw new TraceError(`${record.ioctl} without its argument`);
    let result: number;
    switch (record.ioctl) {
      case "REGISTER_DEVICE":
        result = this.#stage.register(bytes);
        break;
      case "GET_OPTIONS":
        result = this.#stage.ioctlWith(SCST_USER_GET_OPTIONS, bytes);
        if (record.out !== undefined) this.#compareOptions(record.out, bytes);
        break;
      case "SET_OPTIONS":
        result = this.#stage.ioctlWith(SCST_USER_SET_OPTIONS, bytes);
        break;
      default:
        throw new TraceError(`${record.ioctl} is no ioctl that can be replayed`);
    }
    const errno = result < 0 ? -result : 0;
    if (errno !== record.errno) this.#note(record.ioctl, "errno", `${record.errno}`, `${errno}`);
  }

  #compareOptions(recordedBytes: Uint8Array, ourBytes: Uint8Array): void {
    const recorded = ScstUserOpt.view(recordedBytes) as unknown as Record<string, unknown>;
    const ours = ScstUserOpt.view(ourBytes) as unknown as Record<string, unknown>;
    for (const { name } of ScstUserOpt.fields) {
      const [a, b] = [valueText(recorded[name]), valueText(ours[name])];
      if (a !== b) this.#note("GET_OPTIONS", cName(name), a, b);
    }
  }

  /** After a step that went as recorded nothing is to be done; after another one, its rest. */
  #settle(): void {
    if (this.#pending.some(({ response }) => response === undefined)) this.#rescue();
    this.#pending = [];
  }

  /** Answers what nobody recorded, so that the next step begins with nothing left over. */
  #rescue(): void {
    for (let i = 0; i < RESCUES_MAX; i++) {
      const ours = this.#ahead ?? this.#stage.program.get();
      this.#ahead = undefined;
      if (ours === undefined) return;
      this.#note(subcommandName(ours.subcode), "subcommand", "not", "handed out");
      this.#handler.answerUnexpected(ours);
    }
  }

  #compareResponse(step: CommandStep, { response }: Pending): void {
    if (response === undefined) {
      this.#note("response", "response", "sent", "none");
      return;
    }
    const { result } = step;
    const fields: FieldDifference[] = [
      ...compareValue("status", result.status, response.status),
      ...compareValue("sense", result.sense, response.sense),
      ...compareDataIn(result.dataIn, response.dataIn),
      ...compareValue("residual", result.residual, response.residual),
    ];
    this.#noteAll("response", fields);
  }

  #noteAll(message: string, differences: readonly FieldDifference[]): void {
    for (const { field, recorded, ours } of differences) {
      this.#note(message, field, recorded, ours);
    }
  }

  #note(message: string, field: string, recorded: string, ours: string): void {
    this.#add(this.#phase, message, field, recorded, ours);
  }

  #add(phase: Phase, message: string, field: string, recorded: string, ours: string): void {
    this.#differences.push({ phase, message, field, recorded, ours });
  }
}

const NOTHING = new Uint8Array(0);

function compareValue(field: string, recorded: unknown, ours: unknown): FieldDifference[] {
  const [a, b] = [valueText(recorded), valueText(ours)];
  return a === b ? [] : [{ field, recorded: a, ours: b }];
}

/** An EXEC whose handler brings the buffer: none was free when the command was submitted. */
function bringsBuffer({ subcode, bytes }: GetRecord): boolean {
  const { pbuf, allocLen } = ScstUserGetCmd.view(bytes).execCmd;
  return subcode === "EXEC" && pbuf === 0 && allocLen !== 0;
}

function isAhead(name: string, rest: readonly UserRecord[]): boolean {
  return rest.some(
    (record) => record.kind === "get" && record.subcode === (name as SubcommandName),
  );
}
