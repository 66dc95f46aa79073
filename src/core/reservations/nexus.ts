import type { SenseCondition } from "../../protocol/scsi/index.ts";

/** An I_T nexus of the logical unit, as reservations know it. */
export interface ReservationNexus {
  /**
   * The initiator port's TransportID (SPC-5, "TransportID identifiers"), or undefined where its
   * transport has none: while such a nexus is attached, persistent reservations are refused.
   */
  readonly transportId: Uint8Array | undefined;
  readonly relativeTargetPortIdentifier: number;
  /** Establishes a unit attention condition for the initiator port. */
  establish(condition: SenseCondition): void;
}
