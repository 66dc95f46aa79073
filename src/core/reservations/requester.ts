import type { TransportId } from "./transport-id.ts";

/** The I_T nexus that a PERSISTENT RESERVE OUT came through, and what it needs to know. */
export interface Requester {
  /** Of the I_T nexus. */
  readonly identity: string;
  readonly transportId: TransportId;
  readonly relativeTargetPortIdentifier: number;
  /** The target ports through which initiators of this protocol reach the logical unit. */
  targetPorts(protocolIdentifier: number): ReadonlySet<number>;
  /** The initiator ports known of an iSCSI initiator, by identity. */
  portsOf(device: TransportId): ReadonlyMap<string, TransportId>;
}
