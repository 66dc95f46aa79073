import { UsageError } from "../../protocol/errors.ts";
import type { Timer } from "../clock.ts";
import type { Command } from "../command.ts";
import type { Nexus } from "../nexus.ts";
import type { Session } from "../session.ts";
import type { Target } from "../target.ts";
import { ACCESS_STATE, type AccessState } from "./access-state.ts";
import type { DeviceGroup } from "./device-group.ts";

/** TARGET PORT COUNT of a target port group descriptor has one byte. */
const TARGETS_PER_GROUP_MAX = 255;

const RELATIVE_TARGET_PORT_MAX = 65_535;

/** SCST's number: so long a command waits for the end of a transition before it is refused. */
const TRANSITION_WAIT_MS = 500;

/** STATUS CODE of a target port group descriptor: what the last change of state came from. */
const STATUS_CODE = { NONE: 0, EXPLICIT: 1, IMPLICIT: 2 } as const;

export interface TargetGroupOptions {
  /** TARGET PORT GROUP: 1 to 65535, unique in the device group. */
  readonly groupId: number;
  /** Default: "active". */
  readonly state?: AccessState;
  /** PREF: initiators should use it where they can. Default: false. */
  readonly preferred?: boolean;
}

/** Target ports through which the devices of a group are in the same access state. */
export class TargetGroup {
  readonly deviceGroup: DeviceGroup;
  readonly name: string;
  readonly groupId: number;
  readonly #targets = new Set<Target>();
  /** Ports of another system in front of the same devices, by relative target port identifier. */
  readonly #remote = new Set<number>();
  /** Commands that wait for the end of a transition, and until when. */
  readonly #held = new Map<Command, Held>();
  #state: AccessState;
  #preferred: boolean;
  #statusCode: number = STATUS_CODE.NONE;

  /** Use {@link DeviceGroup.addTargetGroup}. */
  constructor(deviceGroup: DeviceGroup, name: string, options: TargetGroupOptions) {
    this.deviceGroup = deviceGroup;
    this.name = name;
    this.groupId = options.groupId;
    this.#state = checkState(options.state ?? "active");
    this.#preferred = options.preferred ?? false;
  }

  get targets(): ReadonlySet<Target> {
    return this.#targets;
  }

  get state(): AccessState {
    return this.#state;
  }

  get preferred(): boolean {
    return this.#preferred;
  }

  get statusCode(): number {
    return this.#statusCode;
  }

  /** Relative target port identifiers, those of other systems included. */
  get relativeTargetPorts(): number[] {
    const local = [...this.#targets].map((target) => target.relativeTargetPortIdentifier);
    return [...local, ...this.#remote].sort((a, b) => a - b);
  }

  /**
   * Makes a target one of the group.
   *
   * @throws UsageError TARGET_IN_GROUP, TARGETS_PER_GROUP_MAX
   */
  addTarget(target: Target): void {
    this.#checkPort(target.relativeTargetPortIdentifier);
    this.#targets.add(target);
    this.deviceGroup.regroup();
  }

  removeTarget(target: Target): void {
    if (this.#targets.delete(target)) this.deviceGroup.regroup();
  }

  /**
   * Names a port of another system in front of the same devices, so that initiators hear of its
   * group's state here too. It must not have the relative identifier of a port of this one.
   *
   * @throws UsageError TARGET_IN_GROUP, TARGETS_PER_GROUP_MAX, RELATIVE_TARGET_PORT
   */
  addRemoteTarget(relativeTargetPortIdentifier: number): void {
    const id = relativeTargetPortIdentifier;
    if (!Number.isInteger(id) || id < 1 || id > RELATIVE_TARGET_PORT_MAX) {
      throw new UsageError(
        "RELATIVE_TARGET_PORT",
        `relative target port identifier ${id}: it must be 1 to ${RELATIVE_TARGET_PORT_MAX}`,
      );
    }
    this.#checkPort(id);
    this.#remote.add(id);
  }

  removeRemoteTarget(relativeTargetPortIdentifier: number): void {
    this.#remote.delete(relativeTargetPortIdentifier);
  }

  #checkPort(id: number): void {
    for (const group of this.deviceGroup.targetGroups.values()) {
      if (!group.relativeTargetPorts.includes(id)) continue;
      throw new UsageError(
        "TARGET_IN_GROUP",
        `target port ${id} is in group "${group.name}" already: it can be in one`,
      );
    }
    if (this.#targets.size + this.#remote.size < TARGETS_PER_GROUP_MAX) return;
    throw new UsageError(
      "TARGETS_PER_GROUP_MAX",
      `group "${this.name}" has ${TARGETS_PER_GROUP_MAX} targets already`,
    );
  }

  /**
   * Changes the state (an implicit change: nobody has asked for it by SET TARGET PORT GROUPS).
   * Every initiator of the devices is told, unless the new state is "transitioning".
   *
   * @throws UsageError ACCESS_STATE
   */
  setState(state: AccessState): void {
    this.#change(state, STATUS_CODE.IMPLICIT, undefined);
  }

  /** What a SET TARGET PORT GROUPS of `asking` has brought about: that session is not told. */
  setStateFor(asking: Session, state: AccessState): void {
    this.#change(state, STATUS_CODE.EXPLICIT, asking);
  }

  /** A transition comes to nothing: the state is as it was, and nobody is told. */
  restoreState(state: AccessState): void {
    this.#enter(state);
  }

  #change(state: AccessState, statusCode: number, asking: Session | undefined): void {
    checkState(state);
    if (state === this.#state) return;
    this.#statusCode = statusCode;
    const { core } = this.deviceGroup;
    core.enter();
    try {
      // First of all, so that a command that has waited finds what it is to be told.
      if (state !== "transitioning") this.deviceGroup.tellStateChanged(asking);
      this.#enter(state);
    } finally {
      core.leave();
    }
  }

  #enter(state: AccessState): void {
    this.#state = state;
    this.#resume([...this.#held.keys()]);
  }

  /** A nexus is no longer one of the group: what waits for the group's state asks again. */
  release(nexus: Nexus): void {
    this.#resume([...this.#held.keys()].filter((command) => command.nexus === nexus));
  }

  #resume(commands: readonly Command[]): void {
    const { core } = this.deviceGroup;
    core.enter();
    try {
      for (const command of commands) {
        // One that runs may end others that wait.
        const held = this.#held.get(command);
        this.forget(command);
        held?.resume(command);
      }
    } finally {
      core.leave();
    }
  }

  /** As SCST has it, the initiators are told of this too. */
  setPreferred(preferred: boolean): void {
    if (preferred === this.#preferred) return;
    this.#preferred = preferred;
    this.deviceGroup.tellStateChanged(undefined);
  }

  /**
   * Keeps a command until the transition is over; then `resume` is called, or `expired` where that
   * takes too long.
   */
  hold(command: Command, resume: Held["resume"], expired: Held["resume"]): void {
    const { core } = this.deviceGroup;
    const timer = core.clock.after(TRANSITION_WAIT_MS, () => {
      core.enter();
      this.#held.delete(command);
      expired(command);
      core.leave();
    });
    this.#held.set(command, { timer, resume });
  }

  /** A command that waits will not run. */
  forget(command: Command): void {
    this.#held.get(command)?.timer.cancel();
    this.#held.delete(command);
  }
}

/** A command that waits for the end of a transition. */
interface Held {
  readonly timer: Timer;
  readonly resume: (command: Command) => void;
}

function checkState(state: AccessState): AccessState {
  if (Object.hasOwn(ACCESS_STATE, state)) return state;
  throw new UsageError(
    "ACCESS_STATE",
    `access state "${state}": it must be ${Object.keys(ACCESS_STATE).join(", ")}`,
  );
}
