import { UsageError } from "../../protocol/errors.ts";
import type { ReservationNexus } from "./nexus.ts";
import type { Requester } from "./requester.ts";
import { adopt, hasAccess, nexusIdentity, type PersistentState } from "./state.ts";
import { deviceOf, readTransportId, type TransportId } from "./transport-id.ts";

/** An attached I_T nexus. */
export interface Member {
  /** Nexuses of the same initiator port and target port have the same one. */
  readonly identity: string;
  /** Undefined where the transport has no TransportIDs. */
  readonly port: TransportId | undefined;
  /** The relative target port identifier. */
  readonly target: number;
  /** The persistent reservation, if any, does not restrict it. */
  hasAccess: boolean;
}

/** The I_T nexuses that lead to a logical unit. */
export class Members {
  readonly #members = new Map<ReservationNexus, Member>();
  readonly #targetPorts: ((protocolIdentifier: number) => Iterable<number>) | undefined;
  #anonymousCount = 0;
  #nextAnonymous = 0;

  constructor(targetPorts: ((protocolIdentifier: number) => Iterable<number>) | undefined) {
    this.#targetPorts = targetPorts;
  }

  /** Whether a nexus is attached that has no TransportID. */
  get anonymous(): boolean {
    return this.#anonymousCount > 0;
  }

  add(nexus: ReservationNexus): Member {
    const member = this.#make(nexus);
    if (member.port === undefined && !this.#members.has(nexus)) this.#anonymousCount++;
    this.#members.set(nexus, member);
    return member;
  }

  remove(nexus: ReservationNexus): void {
    const member = this.#members.get(nexus);
    if (member === undefined) return;
    this.#members.delete(nexus);
    if (member.port === undefined) this.#anonymousCount--;
  }

  has(nexus: ReservationNexus): boolean {
    return this.#members.has(nexus);
  }

  /** The nexus, attached or no longer: its last commands may outlive it. */
  of(nexus: ReservationNexus): Member {
    return this.#members.get(nexus) ?? this.#make(nexus);
  }

  /** The state as the attached initiator ports make it. */
  adopted(state: PersistentState): PersistentState {
    let adopted = state;
    for (const { port, target } of this.#members.values()) {
      if (port !== undefined) adopted = adopt(adopted, target, port);
    }
    return adopted;
  }

  /** Works out anew who has access. */
  refresh(state: PersistentState): void {
    for (const member of this.#members.values()) {
      member.hasAccess = hasAccess(state, member.identity);
    }
  }

  ofIdentity(identity: string): ReservationNexus[] {
    const nexuses: ReservationNexus[] = [];
    for (const [nexus, member] of this.#members) {
      if (member.identity === identity) nexuses.push(nexus);
    }
    return nexuses;
  }

  /** The nexus as the source of a PERSISTENT RESERVE OUT. */
  requester(nexus: ReservationNexus, state: PersistentState): Requester | undefined {
    const { identity, port, target } = this.of(nexus);
    if (port === undefined) return undefined;
    return {
      identity,
      transportId: port,
      relativeTargetPortIdentifier: target,
      targetPorts: (protocolIdentifier) => this.#portsFor(protocolIdentifier),
      portsOf: (device) => this.#portsOf(device, state),
    };
  }

  #portsFor(protocolIdentifier: number): ReadonlySet<number> {
    if (this.#targetPorts !== undefined) return new Set(this.#targetPorts(protocolIdentifier));
    const ports = new Set<number>();
    for (const { port, target } of this.#members.values()) {
      if (port?.protocolIdentifier === protocolIdentifier) ports.add(target);
    }
    return ports;
  }

  /** Initiator ports are known because they are attached, or registered. */
  #portsOf(device: TransportId, state: PersistentState): ReadonlyMap<string, TransportId> {
    const ports = new Map<string, TransportId>();
    for (const { port } of this.#members.values()) {
      if (port !== undefined && deviceOf(port.identity) === device.identity)
        ports.set(port.identity, port);
    }
    for (const { port, transportId } of state.registrations.values()) {
      if (ports.has(port) || deviceOf(port) !== device.identity) continue;
      const { protocolIdentifier } = device;
      ports.set(port, { protocolIdentifier, of: "port", identity: port, bytes: transportId });
    }
    return ports;
  }

  #make({ transportId, relativeTargetPortIdentifier: target }: ReservationNexus): Member {
    if (transportId === undefined) {
      const identity = nexusIdentity(target, `anonymous ${this.#nextAnonymous++}`);
      return { identity, port: undefined, target, hasAccess: false };
    }
    const port = readTransportId(transportId);
    if (port?.of !== "port") {
      throw new UsageError("TRANSPORT_ID", "a nexus needs the TransportID of an initiator port");
    }
    return { identity: nexusIdentity(target, port.identity), port, target, hasAccess: false };
  }
}
