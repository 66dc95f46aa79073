/**
 * RESERVE and RELEASE, (6) and (10), of SPC-2, with the exceptions that SPC-5 makes beside
 * persistent reservations ("Exceptions to SPC-2 RESERVE and RELEASE behavior").
 */
import { CHANGED, CONFLICT, GOOD, invalidInCdb, type ReservationOutcome } from "./outcome.ts";
import { hasAccess, type PersistentState } from "./state.ts";

/** SPC-2: bit 4 and bit 0 of byte 1, in both lengths. */
const THIRD_PARTY = 0x10;
const EXTENT = 0x01;

/** The logical unit's reservation for one I_T nexus. */
export class LegacyReservation {
  /** The identity of the nexus that has it. */
  holder: string | undefined;

  reserve(identity: string, cdb: Uint8Array, state: PersistentState): ReservationOutcome {
    const answer = refuseThirdParty(cdb) ?? besidePersistent(identity, state);
    if (answer !== undefined) return answer;
    if (this.#heldByAnother(identity)) return CONFLICT;
    this.holder = identity;
    return CHANGED;
  }

  release(identity: string, cdb: Uint8Array, state: PersistentState): ReservationOutcome {
    const answer = refuseThirdParty(cdb) ?? besidePersistent(identity, state);
    if (answer !== undefined) return answer;
    // SPC-2, "RELEASE(6) command": it is no error to release what another nexus holds.
    if (this.#heldByAnother(identity)) return GOOD;
    this.holder = undefined;
    return CHANGED;
  }

  /** The nexus is lost: its reservation goes. */
  lost(identity: string): void {
    if (this.holder === identity) this.holder = undefined;
  }

  #heldByAnother(identity: string): boolean {
    return this.holder !== undefined && this.holder !== identity;
  }
}

/** Reservations for third parties and of extents are not there to be had. */
function refuseThirdParty(cdb: Uint8Array): ReservationOutcome | undefined {
  const options = cdb[1] as number;
  if ((options & THIRD_PARTY) !== 0) return invalidInCdb(1, 4);
  return (options & EXTENT) === 0 ? undefined : invalidInCdb(1, 0);
}

/** With registrants there is nothing to reserve or release: GOOD for those with access. */
function besidePersistent(
  identity: string,
  state: PersistentState,
): ReservationOutcome | undefined {
  if (state.registrations.size === 0) return undefined;
  return state.reservation !== undefined && hasAccess(state, identity) ? GOOD : CONFLICT;
}
