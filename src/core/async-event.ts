import type { SenseCondition } from "../protocol/scsi/index.ts";
import type { Session } from "./session.ts";

/**
 * Something that an initiator would else hear as a unit attention: the capacity, the inquiry data,
 * the LUNs or the asymmetric access state changed.
 */
export interface AsyncEvent {
  /** Whose initiator is to hear of it. */
  readonly session: Session;
  /** The logical unit; 0 where it is about all of them. */
  readonly lun: number;
  readonly sense: SenseCondition;
}

/** Offers an event to the session's target driver: false where a unit attention has to tell it. */
export function tellByEvent(session: Session, lun: number, sense: SenseCondition): boolean {
  const { driver, asyncEvents } = session.target;
  if (!asyncEvents || driver.asyncEvent === undefined || session.closing) return false;
  return driver.asyncEvent({ session, lun, sense });
}
