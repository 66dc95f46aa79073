/** The reservations of one logical unit: who may do what to it, by SPC-2 and by SPC-5. */
import { SENSE } from "../../protocol/scsi/index.ts";
import {
  SCST_EXCL_ACCESS_ALLOWED,
  SCST_REG_RESERVE_ALLOWED,
  SCST_WRITE_EXCL_ALLOWED,
} from "../../protocol/scst/index.ts";
import { type Log, noLog } from "../log.ts";
import { LegacyReservation } from "./legacy.ts";
import { Members } from "./members.ts";
import type { ReservationNexus } from "./nexus.ts";
import { CHANGED, CONFLICT, INVALID_OPCODE, refused, type ReservationOutcome } from "./outcome.ts";
import { report } from "./persistent-in.ts";
import { planChange } from "./persistent-out.ts";
import {
  adopt,
  type Change,
  hasAccess,
  isWriteExclusive,
  NOTHING_RESERVED,
  type PersistentState,
} from "./state.ts";
import { StateKeeper } from "./state-keeper.ts";
import type { StateStore } from "./state-store.ts";

export interface ReservationsOptions {
  /** The device's name, for the store and the log. */
  readonly name: string;
  /** Without it reservations can't persist through power loss: APTPL is refused. */
  readonly store?: StateStore | undefined;
  /**
   * The relative target port identifiers of the ports through which initiators of a protocol
   * reach the device (ALL_TG_PT, REGISTER AND MOVE). Without it: those of the attached nexuses.
   */
  readonly targetPorts?: ((protocolIdentifier: number) => Iterable<number>) | undefined;
  readonly log?: Log | undefined;
}

/** The command outlived its nexus. */
const LUN_GONE = refused(SENSE.LOGICAL_UNIT_NOT_SUPPORTED);

type Answer = ReservationOutcome | Promise<ReservationOutcome>;

export class Reservations {
  /** Whether anything is reserved: only then is there something to {@link check}. */
  active = false;
  readonly #name: string;
  readonly #log: Log;
  readonly #keeper: StateKeeper | undefined;
  readonly #members: Members;
  readonly #legacy = new LegacyReservation();
  #state: PersistentState = NOTHING_RESERVED;
  /** The op flag of commands that the persistent reservation leaves to everybody. */
  #openToAll = 0;
  /** A save under way: what changes reservations waits for it. */
  #saving: Promise<unknown> | undefined;

  /**
   * Restores what was saved.
   *
   * @throws {ProtocolError} `SAVED_RESERVATIONS` when neither file nor backup can be read: who
   * has reserved the device is not known then, and nobody should get at it
   */
  constructor(options: ReservationsOptions) {
    const { name, store, targetPorts, log = noLog } = options;
    this.#name = name;
    this.#log = log;
    this.#keeper = store === undefined ? undefined : new StateKeeper(store, name);
    this.#members = new Members(targetPorts);
    this.#enter(this.#keeper?.load() ?? NOTHING_RESERVED);
  }

  /** The registrations and the persistent reservation; a value that does not change. */
  get state(): PersistentState {
    return this.#state;
  }

  /** True while an I_T nexus holds the logical unit by RESERVE. */
  get reserved(): boolean {
    return this.#legacy.holder !== undefined;
  }

  /** An initiator gets the device as a LUN; a registration of its port is its own again. */
  attach(nexus: ReservationNexus): void {
    const member = this.#members.add(nexus);
    const { port, target, identity } = member;
    const state = port === undefined ? this.#state : adopt(this.#state, target, port);
    if (state === this.#state) member.hasAccess = hasAccess(state, identity);
    else this.#enter(state);
  }

  /** The LUN or the session goes away. Persistent reservations stay. */
  detach(nexus: ReservationNexus): void {
    this.nexusLost(nexus);
    this.#members.remove(nexus);
  }

  /** SAM-5, "I_T nexus loss": the nexus' RESERVE is over. */
  nexusLost(nexus: ReservationNexus): void {
    this.#legacy.lost(this.#members.of(nexus).identity);
    this.#setActive();
  }

  /** Logical unit reset, by whichever event: RESERVE is over, persistent reservations stay. */
  reset(): void {
    this.#legacy.holder = undefined;
    this.#setActive();
  }

  /**
   * True if the command ends with RESERVATION CONFLICT; `opFlags` are those of its parsed CDB.
   * Ask once, when processing begins (SPC-5, "Reservations"). Allocates nothing.
   */
  check(nexus: ReservationNexus, opFlags: number): boolean {
    const member = this.#members.of(nexus);
    const { holder } = this.#legacy;
    if (
      holder !== undefined &&
      holder !== member.identity &&
      (opFlags & SCST_REG_RESERVE_ALLOWED) === 0
    ) {
      return true;
    }
    if (this.#state.reservation === undefined) return false;
    return !member.hasAccess && (opFlags & this.#openToAll) === 0;
  }

  /** RESERVE(6) and RESERVE(10). */
  reserve(nexus: ReservationNexus, cdb: Uint8Array): Answer {
    return this.#serially(() => {
      // Nobody would ever release it.
      if (!this.#members.has(nexus)) return LUN_GONE;
      const { identity } = this.#members.of(nexus);
      const outcome = this.#legacy.reserve(identity, cdb, this.#state);
      this.#setActive();
      return outcome;
    });
  }

  /** RELEASE(6) and RELEASE(10). */
  release(nexus: ReservationNexus, cdb: Uint8Array): Answer {
    return this.#serially(() => {
      const { identity } = this.#members.of(nexus);
      const outcome = this.#legacy.release(identity, cdb, this.#state);
      this.#setActive();
      return outcome;
    });
  }

  persistentReserveIn(nexus: ReservationNexus, cdb: Uint8Array): ReservationOutcome {
    return this.#refusePersistent(nexus) ?? report(this.#state, cdb, this.#keeper !== undefined);
  }

  /**
   * PERSISTENT RESERVE OUT. `data` is what arrived of the parameter list, and stays as it is until
   * the answer. Nothing changes, and nobody is told, unless the change has been saved.
   */
  persistentReserveOut(nexus: ReservationNexus, cdb: Uint8Array, data: Uint8Array): Answer {
    return this.#serially(() => this.#change(nexus, cdb, data));
  }

  #change(nexus: ReservationNexus, cdb: Uint8Array, data: Uint8Array): Answer {
    const refusal = this.#refusePersistent(nexus);
    if (refusal !== undefined) return refusal;
    const requester = this.#members.requester(nexus, this.#state);
    if (requester === undefined) return INVALID_OPCODE;
    const plan = planChange(this.#state, cdb, data, requester, this.#keeper !== undefined);
    if ("status" in plan) return plan;
    let saved: void | Promise<void>;
    try {
      saved = this.#keeper?.keep(plan.next);
    } catch (error) {
      return this.#notSaved(error);
    }
    if (!(saved instanceof Promise)) return this.#commit(plan);
    const answer = saved.then(
      () => {
        this.#saving = undefined;
        return this.#commit(plan);
      },
      (error: unknown) => {
        this.#saving = undefined;
        return this.#notSaved(error);
      },
    );
    this.#saving = answer;
    return answer;
  }

  /** SPC-2, "Reservations": RESERVE excludes persistent reservations, the holder's own too. */
  #refusePersistent(nexus: ReservationNexus): ReservationOutcome | undefined {
    if (nexus.transportId === undefined || this.#members.anonymous) return INVALID_OPCODE;
    return this.#legacy.holder === undefined ? undefined : CONFLICT;
  }

  #commit({ next, notices, abort }: Change): ReservationOutcome {
    // An initiator may have come while the change was being saved.
    this.#enter(this.#members.adopted(next));
    for (const { identity, condition } of notices) {
      for (const nexus of this.#members.ofIdentity(identity)) nexus.establish(condition);
    }
    if (abort.length === 0) return CHANGED;
    return { ...CHANGED, abort: abort.flatMap((each) => this.#members.ofIdentity(each)) };
  }

  #notSaved(cause: unknown): ReservationOutcome {
    this.#log({
      level: "error",
      code: "RESERVATIONS_NOT_SAVED",
      message: `${this.#name}: the reservations can't be saved and stay as they were`,
      cause,
    });
    return refused(SENSE.INTERNAL_TARGET_FAILURE);
  }

  #enter(state: PersistentState): void {
    this.#state = state;
    const { reservation } = state;
    this.#openToAll =
      reservation !== undefined && isWriteExclusive(reservation.type)
        ? SCST_WRITE_EXCL_ALLOWED
        : SCST_EXCL_ACCESS_ALLOWED;
    this.#members.refresh(state);
    this.#setActive();
  }

  #setActive(): void {
    this.active = this.#legacy.holder !== undefined || this.#state.reservation !== undefined;
  }

  /** SPC-5, "Reservations": each service action is performed as one indivisible event. */
  #serially(perform: () => Answer): Answer {
    if (this.#saving === undefined) return perform();
    return this.#saving.then(() => this.#serially(perform));
  }
}
