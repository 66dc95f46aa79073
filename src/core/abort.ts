/**
 * Commands that end before their time: by task management, PREEMPT AND ABORT, QErr, the end of
 * their session. Those of the nexus that wanted it end without a response; those of others as
 * the control mode page says (SPC-5, "TAS bit").
 */
import { SENSE, STATUS } from "../protocol/scsi/index.ts";
import { SCST_QERR_0_ALL_RESUME, SCST_QERR_1_ABORT_ALL } from "../protocol/scst/index.ts";
import type { Command } from "./command.ts";
import { COMMAND_STATE } from "./command-state.ts";
import type { Device } from "./device.ts";
import type { Session } from "./session.ts";

/** Who aborts commands, and what the others hear of it. */
export interface AbortOptions {
  /** The session whose own commands are not answered; undefined: nobody's are. */
  readonly by: Session | undefined;
  /**
   * Without TAS, others that lose commands get COMMANDS CLEARED BY ANOTHER INITIATOR. Not where
   * another unit attention tells them.
   */
  readonly tellsOthers: boolean;
}

/**
 * Aborts `commands`. `done` is called, perhaps at once, when every one has come to its end; of
 * another session's command, when nothing but its response is left.
 */
export function abortCommands(
  commands: readonly Command[],
  options: AbortOptions,
  done: () => void,
): void {
  let waiting = 1;
  const next = () => {
    waiting--;
    if (waiting === 0) done();
  };
  for (const command of commands) {
    const own = options.by === undefined || command.session === options.by;
    if (own) {
      waiting++;
      command.whenEnded = both(command.whenEnded, next);
    } else if (!isDone(command)) {
      waiting++;
      command.whenDone = both(command.whenDone, next);
    }
    mark(command, own, options.tellsOthers);
  }
  // All are marked before the first one ends: none may begin because another makes way.
  for (const command of commands) {
    if (command.aborted) command.session.endAborted(command);
  }
  next();
}

function both(first: (() => void) | undefined, second: () => void): () => void {
  if (first === undefined) return second;
  return () => {
    first();
    second();
  };
}

/** The command's result is settled: its response is on its way, or has arrived. */
function isDone(command: Command): boolean {
  return command.state >= COMMAND_STATE.DEV_DONE;
}

function mark(command: Command, own: boolean, tellsOthers: boolean): void {
  if (command.aborted || command.answersAbort) {
    // Whoever aborts its own command wants no response.
    if (own && command.aborted) command.answersAbort = false;
    return;
  }
  command.aborted = true;
  const { nexus } = command;
  if (own || nexus === undefined || command.internal !== undefined || isDone(command)) return;
  if (nexus.device.taskAbortedStatus) command.answersAbort = true;
  else if (tellsOthers) nexus.establish(SENSE.COMMANDS_CLEARED_BY_ANOTHER_INITIATOR);
}

/** An aborted command ends: with TAS its initiator hears of it, else there is no response. */
export function settleAborted(command: Command): void {
  if (!command.answersAbort) return;
  command.aborted = false;
  command.setStatus(STATUS.TASK_ABORTED);
}

/** Those commands of a session that `selects` takes. */
export function commandsOf(session: Session, selects: (command: Command) => boolean): Command[] {
  const commands: Command[] = [];
  for (let command = session.active.first; command !== undefined; command = command.next) {
    if (selects(command)) commands.push(command);
  }
  return commands;
}

/** Every command at the logical unit, whoever sent it, by a LUN that may be gone since. */
export function commandsAt(device: Device): Command[] {
  const sessions = new Set<Session>();
  for (const nexus of device.nexuses) sessions.add(nexus.session);
  for (const nexus of device.leaving) sessions.add(nexus.session);
  return [...sessions].flatMap((session) =>
    commandsOf(session, ({ nexus }) => nexus?.device === device),
  );
}

/** What the device is executing. */
export function executingAt(device: Device): Command[] {
  return commandsAt(device).filter(({ state }) => state === COMMAND_STATE.EXEC_WAIT);
}

/**
 * SPC-5, "QERR field": what a CHECK CONDITION does to the other commands of the task set. All of
 * them are aborted, those of the same nexus, or none.
 */
export function queueError(command: Command): void {
  const nexus = command.nexus!;
  const { device, session } = nexus;
  const { queueErrorManagement, separateTaskSets } = device;
  if (queueErrorManagement === SCST_QERR_0_ALL_RESUME) return;
  const everybody = queueErrorManagement === SCST_QERR_1_ABORT_ALL && !separateTaskSets;
  const commands = everybody
    ? commandsAt(device)
    : commandsOf(session, (each) => each.nexus === nexus);
  const others = commands.filter((each) => each !== command && !isDone(each));
  abortCommands(others, { by: session, tellsOthers: true }, () => {});
}
