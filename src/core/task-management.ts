/**
 * Task management functions (SAM-6, "Task management functions"): which commands they abort,
 * what they do to nexuses and logical units, and when they are answered.
 */
import { SENSE } from "../protocol/scsi/index.ts";
import {
  SCST_ABORT_ALL_TASKS,
  SCST_ABORT_ALL_TASKS_SESS,
  SCST_ABORT_TASK,
  SCST_ABORT_TASK_SET,
  SCST_CLEAR_ACA,
  SCST_CLEAR_TASK_SET,
  SCST_CMD_QUEUE_ACA,
  SCST_LUN_RESET,
  SCST_NEXUS_LOSS,
  SCST_NEXUS_LOSS_SESS,
  SCST_TARGET_RESET,
} from "../protocol/scst/index.ts";
import { abortCommands, commandsAt, commandsOf } from "./abort.ts";
import type { Command } from "./command.ts";
import type { Device } from "./device.ts";
import { checkExclusion, clearAca } from "./execution.ts";
import type { Nexus } from "./nexus.ts";
import type { Session } from "./session.ts";

/** Results of task management functions, with SCST's numbers. */
export const TASK_MANAGEMENT_STATUS = {
  SUCCESS: 0,
  TASK_NOT_EXIST: -1,
  LUN_NOT_EXIST: -2,
  FUNCTION_NOT_SUPPORTED: -5,
  FAILED: -129,
  REJECTED: -255,
} as const;

const STATUS = TASK_MANAGEMENT_STATUS;

/** The end of a session: told to handlers as a function of its own (SCST's number). */
const UNREGISTER_SESSION = 10;

/** One task management function. The target driver makes it; the core sets `status`. */
export interface TaskManagementRequest {
  /** `SCST_ABORT_TASK` … */
  readonly function: number;
  /** The unpacked LUN, where the function is about one. */
  readonly lun: number;
  /** The task to abort, for ABORT TASK. */
  readonly tag: number;
  /** The target driver's own. */
  readonly transport?: unknown;
  /** The command that ABORT TASK is about, once found. */
  command?: Command | undefined;
  /** What the handler knows that command by, if it has seen it. */
  seenHandle?: number;
  /** {@link TASK_MANAGEMENT_STATUS}, when `taskManagementDone` is called. */
  status?: number;
}

/** What a function is about. */
interface Scope {
  /** The nexuses whose handlers hear of it. */
  readonly nexuses: readonly Nexus[];
  /** What it aborts, asked for when it begins to. */
  readonly commands: () => Command[];
  /** An ACA condition of the nexuses ends. */
  readonly clearsAca?: boolean;
  /** Logical units that are reset. */
  readonly resets?: ReadonlySet<Device>;
  /** The nexuses are lost: nobody hears of a command's end. */
  readonly loses?: boolean;
}

/** Carries `request` out and tells the target driver, once, when it is done. */
export function manageTasks(session: Session, request: TaskManagementRequest): void {
  session.functionBegins();
  const done = (status: number) => {
    request.status = status;
    session.target.driver.taskManagementDone(request);
    session.functionEnded();
  };
  const scope = scopeOf(session, request);
  if (typeof scope === "number") done(scope);
  else perform(session, request, scope, done);
}

/** What the function is about, or the status that refuses it. */
function scopeOf(session: Session, request: TaskManagementRequest): Scope | number {
  switch (request.function) {
    case SCST_ABORT_TASK:
    case SCST_ABORT_TASK_SET:
    case SCST_CLEAR_ACA:
    case SCST_CLEAR_TASK_SET:
    case SCST_LUN_RESET: {
      const nexus = session.nexusOf(request.lun);
      return nexus === undefined ? scopeOfLeavingLun(session, request) : scopeOfLun(nexus, request);
    }
    case SCST_TARGET_RESET: {
      // As in SCST: the logical units that the initiator has, not all that the target has.
      const nexuses = [...session.nexuses.values()];
      const resets = new Set(nexuses.map(({ device }) => device));
      const leaving = [...session.leaving];
      const left = () => commandsOf(session, ({ nexus }) => leaving.includes(nexus as Nexus));
      const commands = () => [...new Set([...left(), ...[...resets].flatMap(commandsAt)])];
      return { nexuses: [...nexuses, ...leaving], commands, resets };
    }
    case SCST_NEXUS_LOSS_SESS:
      return { ...scopeOfSessions([session]), loses: true };
    case SCST_ABORT_ALL_TASKS_SESS:
      return scopeOfSessions([session]);
    case SCST_NEXUS_LOSS:
      return { ...scopeOfSessions([...session.target.sessions]), loses: true };
    case SCST_ABORT_ALL_TASKS:
      return scopeOfSessions([...session.target.sessions]);
    default:
      return STATUS.FUNCTION_NOT_SUPPORTED;
  }
}

function scopeOfLun(nexus: Nexus, request: TaskManagementRequest): Scope | number {
  const { device, session } = nexus;
  const nexuses = [...new Set([nexus, ...leavingAt(session, nexus.lun)])];
  // What the initiator sent to another device that was behind the LUN is gone for it as well.
  const own = () => commandsOf(session, (each) => nexuses.includes(each.nexus as Nexus));
  const all = () => [...new Set([...own(), ...commandsAt(device)])];
  switch (request.function) {
    case SCST_ABORT_TASK: {
      const command = taskOf(session, request.tag);
      if (command === undefined) return STATUS.TASK_NOT_EXIST;
      request.command = command;
      if (command.lun !== request.lun) return STATUS.REJECTED;
      return { nexuses: [command.nexus ?? nexus], commands: () => [command] };
    }
    case SCST_ABORT_TASK_SET:
      return { nexuses, commands: own };
    case SCST_CLEAR_TASK_SET:
      return { nexuses, commands: device.separateTaskSets ? own : all };
    case SCST_LUN_RESET:
      return { nexuses, commands: all, resets: new Set([device]) };
    default:
      return {
        nexuses,
        commands: () => own().filter(({ taskAttribute }) => taskAttribute === SCST_CMD_QUEUE_ACA),
        clearsAca: true,
      };
  }
}

/**
 * There is nothing behind the LUN any more. The initiator may end what it began there, and
 * nothing else: it has no access to the logical unit.
 */
function scopeOfLeavingLun(session: Session, request: TaskManagementRequest): Scope | number {
  const { lun, tag } = request;
  const [nexus] = leavingAt(session, lun);
  if (nexus === undefined) return STATUS.LUN_NOT_EXIST;
  const ends = request.function === SCST_ABORT_TASK || request.function === SCST_ABORT_TASK_SET;
  if (!ends) return STATUS.LUN_NOT_EXIST;
  if (request.function === SCST_ABORT_TASK && taskOf(session, tag) === undefined) {
    return STATUS.LUN_NOT_EXIST;
  }
  return scopeOfLun(nexus, request);
}

function leavingAt({ leaving }: Session, lun: number): Nexus[] {
  return [...leaving].filter((nexus) => nexus.lun === lun);
}

function scopeOfSessions(sessions: readonly Session[]): Scope {
  return {
    nexuses: sessions.flatMap(({ nexuses, leaving }) => [...nexuses.values(), ...leaving]),
    commands: () => sessions.flatMap((session) => commandsOf(session, () => true)),
  };
}

/** The task with this tag: one that has ended counts until its response has arrived. */
function taskOf(session: Session, tag: number): Command | undefined {
  return commandsOf(session, (each) => each.tag === tag && each.internal === undefined)[0];
}

/** Received → abort → wait for the affected commands → done; answered when all have replied. */
function perform(
  session: Session,
  request: TaskManagementRequest,
  scope: Scope,
  done: (status: number) => void,
): void {
  const { nexuses, loses = false, resets = new Set() } = scope;
  for (const nexus of nexuses) nexus.functionBegins();
  for (const { exclusion } of resets) exclusion.block();
  let waiting = 2;
  let result: number = STATUS.SUCCESS;
  const step = () => {
    waiting--;
    if (waiting > 0) return;
    for (const { exclusion } of resets) exclusion.unblock(checkExclusion);
    for (const nexus of nexuses) nexus.functionEnded();
    done(result);
  };
  // As in SCST, the first message's reply is waited for at the end only.
  eachNexus(
    nexuses,
    (nexus, next) => nexus.device.taskManagementReceived(request, nexus, next),
    step,
  );
  const by = loses ? undefined : session;
  abortCommands(scope.commands(), { by, tellsOthers: resets.size === 0 }, () =>
    tellDone(request, nexuses, (status) => {
      result = status;
      if (loses) for (const nexus of nexuses) lose(nexus);
      if (scope.clearsAca === true) for (const nexus of nexuses) clearAca(nexus);
      if (status === STATUS.SUCCESS) for (const device of resets) reset(device);
      step();
    }),
  );
}

function tellDone(
  request: TaskManagementRequest,
  nexuses: readonly Nexus[],
  done: (status: number) => void,
): void {
  let status: number = STATUS.SUCCESS;
  eachNexus(
    nexuses,
    (nexus, next) =>
      nexus.device.taskManagementDone(request, nexus, (result) => {
        if (result !== STATUS.SUCCESS) status = result;
        next();
      }),
    () => done(status),
  );
}

/** SAM-6, "Logical unit reset": a RESERVE ends, and every initiator of the unit is told. */
function reset(device: Device): void {
  device.reservations.reset();
  for (const nexus of device.nexuses) {
    clearAca(nexus);
    nexus.establish(SENSE.POWER_ON_RESET_OR_BUS_DEVICE_RESET);
  }
}

/** SAM-6, "I_T nexus loss": its RESERVE ends, and this is what its initiator hears first. */
function lose(nexus: Nexus): void {
  // Its LUN may have gone meanwhile.
  if (!nexus.device.nexuses.has(nexus)) return;
  clearAca(nexus);
  nexus.device.reservations.nexusLost(nexus);
  nexus.unitAttentions.addFirst(SENSE.I_T_NEXUS_LOSS_OCCURRED);
}

/** Calls `step` for all, then `done` when each has said `next`. */
function eachNexus(
  nexuses: readonly Nexus[],
  step: (nexus: Nexus, next: () => void) => void,
  done: () => void,
): void {
  let waiting = nexuses.length;
  if (waiting === 0) {
    done();
    return;
  }
  const next = () => {
    waiting--;
    if (waiting === 0) done();
  };
  for (const nexus of nexuses) step(nexus, next);
}

/** The end of a session: all its commands are aborted and waited for, and its functions too. */
export function unregister(session: Session, done: () => void): void {
  const request: TaskManagementRequest = { function: UNREGISTER_SESSION, lun: 0, tag: 0 };
  perform(session, request, scopeOfSessions([session]), () => session.whenIdle(done));
}
