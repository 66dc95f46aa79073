/** Four I_T nexuses at one logical unit, and words for what they ask and get. */
import {
  iscsiTransportId,
  TRANSPORT_ID_LENGTH,
} from "../../../src/core/reservations/transport-id.ts";
import type { ReservationNexus } from "../../../src/core/reservations/nexus.ts";
import type { ReservationOutcome } from "../../../src/core/reservations/outcome.ts";
import {
  Reservations,
  type ReservationsOptions,
} from "../../../src/core/reservations/reservations.ts";
import {
  PERSISTENT_RESERVE_IN,
  PERSISTENT_RESERVE_OUT,
  PersistentReserveIn,
  PersistentReserveOut,
  PersistentReserveOutParameterList,
  RegisterAndMoveParameterList,
  SENSE,
  type SenseCondition,
  STATUS,
} from "../../../src/protocol/scsi/index.ts";

export type Action = keyof typeof PERSISTENT_RESERVE_OUT;

/** What a PERSISTENT RESERVE OUT says; the rest is zero. */
export interface Out {
  readonly action: Action | number;
  readonly key?: number | bigint;
  readonly newKey?: number | bigint;
  readonly type?: number;
  readonly scope?: number;
  readonly aptpl?: boolean;
  readonly allTgPt?: boolean;
  readonly unreg?: boolean;
  readonly target?: number;
  /** SPEC_I_PT's list, or REGISTER AND MOVE's one. */
  readonly ids?: readonly Uint8Array[];
  /** Instead of what it is. */
  readonly length?: number;
  readonly idsLength?: number;
}

export class TestNexus implements ReservationNexus {
  readonly name: string;
  readonly transportId: Uint8Array | undefined;
  readonly relativeTargetPortIdentifier: number;
  readonly unitAttentions: SenseCondition[] = [];

  constructor(name: string, transportId: Uint8Array | undefined, target: number) {
    this.name = name;
    this.transportId = transportId;
    this.relativeTargetPortIdentifier = target;
  }

  establish(condition: SenseCondition): void {
    this.unitAttentions.push(condition);
  }
}

export const ISID_A = Uint8Array.of(0x00, 0x02, 0x3d, 0x01, 0x00, 0x00);
const ISID_B = Uint8Array.of(0x40, 0x00, 0x01, 0x37, 0x00, 0x02);
export const ID_A = iscsiTransportId("iqn.2024-01.net.example:alice", ISID_A);
export const ID_B = iscsiTransportId("iqn.2024-01.net.example:bob", ISID_B);

export type NexusName = "A1" | "A2" | "B1" | "B2";

/** Initiators A and B, each at target ports 1 and 2. */
export class Stage {
  readonly nexuses: Readonly<Record<NexusName, TestNexus>> = {
    A1: new TestNexus("A1", ID_A, 1),
    A2: new TestNexus("A2", ID_A, 2),
    B1: new TestNexus("B1", ID_B, 1),
    B2: new TestNexus("B2", ID_B, 2),
  };
  readonly reservations: Reservations;

  constructor(options: Partial<ReservationsOptions> = {}) {
    this.reservations = new Reservations({ name: "disk", ...options });
    for (const nexus of Object.values(this.nexuses)) this.reservations.attach(nexus);
  }

  out(from: NexusName, out: Out): ReservationOutcome {
    const outcome = this.submit(from, out);
    if (outcome instanceof Promise) throw new TypeError("the command should not have to wait");
    return outcome;
  }

  submit(from: NexusName, out: Out): ReservationOutcome | Promise<ReservationOutcome> {
    return this.reservations.persistentReserveOut(this.nexuses[from], cdbOf(out), listOf(out));
  }

  in(from: NexusName, action: keyof typeof PERSISTENT_RESERVE_IN | number): ReservationOutcome {
    const serviceAction = typeof action === "number" ? action : PERSISTENT_RESERVE_IN[action];
    const cdb = PersistentReserveIn.encode({
      operationCode: 0x5e,
      serviceAction,
      allocationLength: 8192,
    });
    return this.reservations.persistentReserveIn(this.nexuses[from], cdb);
  }

  reserve(from: NexusName, cdb = [0x16, 0, 0, 0, 0, 0]): ReservationOutcome {
    return this.reservations.reserve(
      this.nexuses[from],
      Uint8Array.from(cdb),
    ) as ReservationOutcome;
  }

  release(from: NexusName, cdb = [0x17, 0, 0, 0, 0, 0]): ReservationOutcome {
    return this.reservations.release(
      this.nexuses[from],
      Uint8Array.from(cdb),
    ) as ReservationOutcome;
  }

  /** The unit attentions since the last call: "A2 RESERVATIONS RELEASED, …". */
  takeNotices(): string {
    const texts = Object.values(this.nexuses).flatMap(({ name, unitAttentions }) =>
      unitAttentions.splice(0).map((condition) => `${name} ${condition.name}`),
    );
    return texts.join(", ");
  }

  /** "A1:1 B1:2 | type 5 by A1 | gen 3". */
  get picture(): string {
    const { registrations, reservation, generation } = this.reservations.state;
    const nameOf = (identity: string | undefined) =>
      Object.values(this.nexuses).find(({ transportId, relativeTargetPortIdentifier }) => {
        const registration = identity === undefined ? undefined : registrations.get(identity);
        return (
          registration?.relativeTargetPortIdentifier === relativeTargetPortIdentifier &&
          registration.transportId.join() === transportId?.join()
        );
      })?.name ?? "?";
    const keys = [...registrations.values()].map(
      ({ identity, key }) => `${nameOf(identity)}:${key}`,
    );
    const { holder } = reservation ?? {};
    const by = holder === undefined ? "all" : nameOf(holder);
    const held = reservation === undefined ? "" : ` | type ${reservation.type} by ${by}`;
    return `${keys.join(" ")}${held} | gen ${generation}`;
  }
}

export function cdbOf(out: Out): Uint8Array {
  const { action, scope = 0, type = 0 } = out;
  return PersistentReserveOut.encode({
    operationCode: 0x5f,
    serviceAction: typeof action === "number" ? action : PERSISTENT_RESERVE_OUT[action],
    scope,
    type,
    parameterListLength: out.length ?? listOf(out).length,
  });
}

export function listOf(out: Out): Uint8Array {
  const { ids, action } = out;
  const all = concat(...(ids ?? []));
  const keys = {
    reservationKey: BigInt(out.key ?? 0),
    serviceActionReservationKey: BigInt(out.newKey ?? 0),
    aptpl: out.aptpl ?? false,
  };
  if (action === "REGISTER_AND_MOVE") {
    const head = RegisterAndMoveParameterList.encode({
      ...keys,
      unreg: out.unreg ?? false,
      relativeTargetPortIdentifier: out.target ?? 1,
      transportIdLength: out.idsLength ?? all.length,
    });
    return concat(head, all);
  }
  const specIPt = ids !== undefined;
  const head = PersistentReserveOutParameterList.encode({
    ...keys,
    specIPt,
    allTgPt: out.allTgPt ?? false,
  });
  if (!specIPt) return head;
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, out.idsLength ?? all.length);
  return concat(head, length, all);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** "GOOD", "CONFLICT", or "5/26/00 list 20.3" with the field pointer. */
export function say({ status, sense, details }: ReservationOutcome): string {
  if (status === STATUS.GOOD) return "GOOD";
  if (status === STATUS.RESERVATION_CONFLICT) return "CONFLICT";
  if (status !== STATUS.CHECK_CONDITION || sense === undefined) return `status ${status}`;
  const [asc, ascq] = [sense.asc, sense.ascq].map((n) => n.toString(16).padStart(2, "0"));
  const code = `${sense.key}/${asc}/${ascq}`;
  const pointer = details?.fieldPointer;
  if (pointer === undefined) return code;
  const bit = pointer.bit === undefined ? "" : `.${pointer.bit}`;
  return `${code} ${pointer.inCdb ? "cdb" : "list"} ${pointer.byte}${bit}`;
}

export const PREEMPTED = SENSE.REGISTRATIONS_PREEMPTED.name;
export const CLEARED = SENSE.RESERVATIONS_PREEMPTED.name;
export const RELEASED = SENSE.RESERVATIONS_RELEASED.name;

export const ALL_TYPES = [1, 3, 5, 6, 7, 8] as const;

export function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, "");
  return Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

export function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A TransportID of another protocol, with `fill` in every name. */
export function plainId(protocolIdentifier: number, fill: number): Uint8Array {
  const bytes = new Uint8Array(TRANSPORT_ID_LENGTH).fill(fill);
  bytes[0] = protocolIdentifier;
  return bytes;
}
