import { SENSE, type SenseCondition } from "../protocol/scsi/index.ts";
import type { TargetGroup } from "./alua/target-group.ts";
import { tellByEvent } from "./async-event.ts";
import type { Device } from "./device.ts";
import type { ReservationNexus } from "./reservations/nexus.ts";
import type { Session } from "./session.ts";
import { TaskSet } from "./task-set.ts";
import { UnitAttentionQueue } from "./unit-attention.ts";

/** An I_T_L nexus: one initiator at one logical unit, through one target. */
export class Nexus implements ReservationNexus {
  readonly session: Session;
  readonly device: Device;
  readonly lun: number;
  readonly readOnly: boolean;
  /** What the device's handler knows the nexus by: unique in the core, never 0. */
  readonly handle: number;
  readonly unitAttentions = new UnitAttentionQueue();
  readonly taskSet: TaskSet;
  /** Its target port's group, where the device has groups. */
  targetGroup: TargetGroup | undefined = undefined;
  /** How many of its commands are between submission and their end. */
  activeCount = 0;
  /** How many of them are the core's own. */
  internalCount = 0;
  /** How many task management functions have the device's word to wait for. */
  #functionCount = 0;
  #whenIdle: (() => void) | undefined;

  constructor(session: Session, device: Device, lun: number, readOnly: boolean, handle: number) {
    this.session = session;
    this.device = device;
    this.lun = lun;
    this.readOnly = readOnly;
    this.handle = handle;
    this.taskSet = device.separateTaskSets ? new TaskSet() : device.taskSet;
  }

  get transportId(): Uint8Array | undefined {
    return this.session.transportId;
  }

  get relativeTargetPortIdentifier(): number {
    return this.session.target.relativeTargetPortIdentifier;
  }

  establish(condition: SenseCondition): void {
    this.unitAttentions.add(condition);
  }

  /** Tells the initiator by an asynchronous event where its target driver can, else as above. */
  tell(condition: SenseCondition): void {
    if (!tellByEvent(this.session, this.lun, condition)) this.establish(condition);
  }

  /**
   * The unit attention to deliver now. That the LUNs have changed is a matter of the I_T nexus:
   * as in SCST it is told once, by whichever LUN is asked first.
   */
  takeUnitAttention(): SenseCondition | undefined {
    const condition = this.unitAttentions.take();
    if (condition === SENSE.REPORTED_LUNS_DATA_HAS_CHANGED) {
      this.session.dropUnitAttention(condition);
    }
    return condition;
  }

  /** One of its commands has come to its end. */
  ended(): void {
    this.activeCount--;
    if (this.activeCount === 0) this.#checkIdle();
  }

  functionBegins(): void {
    this.#functionCount++;
  }

  functionEnded(): void {
    this.#functionCount--;
    this.#checkIdle();
  }

  /** Calls `idle` once when no command or function of it is under way, perhaps at once. */
  whenIdle(idle: () => void): void {
    this.#whenIdle = idle;
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.activeCount > 0 || this.#functionCount > 0) return;
    const idle = this.#whenIdle;
    this.#whenIdle = undefined;
    idle?.();
  }
}
