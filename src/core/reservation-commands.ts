/** RESERVE, RELEASE and PERSISTENT RESERVE: who keeps to them is the device's reservations. */
import { STATUS } from "../protocol/scsi/index.ts";
import { commandsOf } from "./abort.ts";
import type { Command } from "./command.ts";
import type { Nexus } from "./nexus.ts";
import type { ReservationOutcome } from "./reservations/outcome.ts";

const RESERVE_6 = 0x16;
const RELEASE_6 = 0x17;
const RESERVE_10 = 0x56;
const RELEASE_10 = 0x57;
const PERSISTENT_RESERVE_IN = 0x5e;
const PERSISTENT_RESERVE_OUT = 0x5f;

type MaybeLater = ReservationOutcome | Promise<ReservationOutcome>;

/** What the reservations say to the command; undefined where it is not about them. */
export function reservationOutcome(command: Command): MaybeLater | undefined {
  const nexus = command.nexus!;
  const { reservations } = nexus.device;
  const { cdb } = command;
  switch (cdb[0]) {
    case RESERVE_6:
    case RESERVE_10:
      return reservations.reserve(nexus, cdb);
    case RELEASE_6:
    case RELEASE_10:
      return reservations.release(nexus, cdb);
    case PERSISTENT_RESERVE_IN:
      return reservations.persistentReserveIn(nexus, cdb);
    case PERSISTENT_RESERVE_OUT:
      return reservations.persistentReserveOut(nexus, cdb, command.data);
    default:
      return undefined;
  }
}

/** Puts an outcome into the command: status, sense or data. */
export function putReservationOutcome(command: Command, outcome: ReservationOutcome): void {
  const { status, sense, details, data } = outcome;
  if (sense !== undefined) command.setSense(sense, details);
  else if (status !== STATUS.GOOD) command.setStatus(status);
  else if (data === undefined) command.setGood(0);
  else command.answer(data);
}

/** Whether the handler hears of it too: of RESERVE and RELEASE always, of others if it asked. */
export function handlerHears(command: Command, outcome: ReservationOutcome): boolean {
  if (outcome.changed !== true) return false;
  if (command.cdb[0] !== PERSISTENT_RESERVE_OUT) return true;
  return command.nexus!.device.persistentReserveNotifications;
}

/** The commands of the nexuses that PREEMPT AND ABORT names, but for the one that asks for it. */
export function preemptedCommands(asking: Command, { abort = [] }: ReservationOutcome): Command[] {
  return abort.flatMap((nexus) =>
    commandsOf(
      (nexus as Nexus).session,
      (command) => command.nexus === nexus && command !== asking,
    ),
  );
}
