/**
 * Task management functions: which commands they abort, and when they are answered. What they
 * do to other nexuses (unit attentions, TAS, CLEAR ACA) has its place here and comes later.
 */
import { SENSE } from "../protocol/scsi/index.ts";
import {
  SCST_ABORT_ALL_TASKS_SESS,
  SCST_ABORT_TASK,
  SCST_ABORT_TASK_SET,
  SCST_CLEAR_TASK_SET,
  SCST_LUN_RESET,
  SCST_NEXUS_LOSS_SESS,
  SCST_TARGET_RESET,
} from "../protocol/scst/index.ts";
import type { Command } from "./command.ts";
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

/** Carries `request` out and tells the target driver when it is done. */
export function manageTasks(session: Session, request: TaskManagementRequest): void {
  const done = (status: number) => {
    request.status = status;
    session.target.driver.taskManagementDone(request);
  };
  const nexuses = affectedNexuses(session, request);
  if (typeof nexuses === "number") {
    done(nexuses);
    return;
  }
  const commands = affectedCommands(session, request, nexuses);
  if (request.function === SCST_ABORT_TASK) {
    if (commands.length === 0) {
      done(STATUS.TASK_NOT_EXIST);
      return;
    }
    request.command = commands[0];
    if (commands[0]?.lun !== request.lun) {
      done(STATUS.REJECTED);
      return;
    }
  }
  perform(request, nexuses, () => affectedCommands(session, request, nexuses), done);
}

/** The nexuses whose handlers hear of the function, or the status that refuses it. */
function affectedNexuses(session: Session, request: TaskManagementRequest): Nexus[] | number {
  switch (request.function) {
    case SCST_ABORT_TASK:
    case SCST_ABORT_TASK_SET:
    case SCST_CLEAR_TASK_SET:
    case SCST_LUN_RESET: {
      const nexus = session.nexusOf(request.lun);
      return nexus === undefined ? STATUS.LUN_NOT_EXIST : [nexus];
    }
    case SCST_TARGET_RESET:
    case SCST_NEXUS_LOSS_SESS:
    case SCST_ABORT_ALL_TASKS_SESS:
      return [...session.nexuses.values()];
    default:
      return STATUS.FUNCTION_NOT_SUPPORTED;
  }
}

function affectedCommands(
  session: Session,
  request: TaskManagementRequest,
  nexuses: readonly Nexus[],
): Command[] {
  const commands: Command[] = [];
  const everyInitiator =
    request.function === SCST_LUN_RESET ||
    request.function === SCST_TARGET_RESET ||
    request.function === SCST_CLEAR_TASK_SET;
  const sessions = everyInitiator ? sessionsOf(nexuses) : new Set([session]);
  for (const each of sessions) {
    for (let command = each.active.first; command !== undefined; command = command.next) {
      const matches =
        request.function === SCST_ABORT_TASK
          ? command.tag === request.tag
          : nexuses.some((nexus) => nexus.device === command?.nexus?.device);
      if (matches && !command.aborted) commands.push(command);
    }
  }
  return commands;
}

function sessionsOf(nexuses: readonly Nexus[]): Set<Session> {
  const sessions = new Set<Session>();
  for (const { device } of nexuses) {
    for (const nexus of device.nexuses) sessions.add(nexus.session);
  }
  return sessions;
}

/** Received → abort → wait for the affected commands → done; answered when all have replied. */
function perform(
  request: TaskManagementRequest,
  nexuses: readonly Nexus[],
  select: () => readonly Command[],
  done: (status: number) => void,
): void {
  let waiting = 2;
  let result: number = STATUS.SUCCESS;
  const step = () => {
    waiting--;
    if (waiting === 0) done(result);
  };
  // As in SCST, the first message's reply is waited for at the end only.
  eachNexus(
    nexuses,
    (nexus, next) => nexus.device.taskManagementReceived(request, nexus, next),
    step,
  );
  abortAll(select(), () =>
    tellDone(request, nexuses, (status) => {
      result = status;
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
    () => {
      if (status === STATUS.SUCCESS) resetLogicalUnits(request, nexuses);
      done(status);
    },
  );
}

/** Aborts `commands` without responses; `done` is called when every one has come to its end. */
export function abortAll(commands: readonly Command[], done: () => void): void {
  let waiting = commands.length + 1;
  const next = () => {
    waiting--;
    if (waiting === 0) done();
  };
  for (const command of commands) {
    const before = command.whenEnded;
    command.whenEnded = () => {
      before?.();
      next();
    };
  }
  for (const command of commands) command.session.abort(command);
  next();
}

/** SAM-6, "Logical unit reset": a RESERVE ends, and every initiator of the unit is told. */
function resetLogicalUnits(request: TaskManagementRequest, nexuses: readonly Nexus[]): void {
  if (request.function !== SCST_LUN_RESET && request.function !== SCST_TARGET_RESET) return;
  for (const { device } of nexuses) {
    device.reservations.reset();
    for (const nexus of device.nexuses) {
      nexus.unitAttentions.add(SENSE.POWER_ON_RESET_OR_BUS_DEVICE_RESET);
    }
  }
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

/** The end of a session: all its commands are aborted and waited for. */
export function unregister(session: Session, done: () => void): void {
  const request: TaskManagementRequest = { function: UNREGISTER_SESSION, lun: 0, tag: 0 };
  const select = () => {
    const commands: Command[] = [];
    for (let each = session.active.first; each !== undefined; each = each.next) {
      commands.push(each);
    }
    return commands;
  };
  perform(request, [...session.nexuses.values()], select, () => session.whenIdle(done));
}
