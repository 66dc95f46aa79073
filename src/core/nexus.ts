import type { Device } from "./device.ts";
import type { Session } from "./session.ts";
import { TaskSet } from "./task-set.ts";
import { UnitAttentionQueue } from "./unit-attention.ts";

/** An I_T_L nexus: one initiator at one logical unit, through one target. */
export class Nexus {
  readonly session: Session;
  readonly device: Device;
  readonly lun: number;
  readonly readOnly: boolean;
  /** What the device's handler knows the nexus by: unique in the core, never 0. */
  readonly handle: number;
  readonly unitAttentions = new UnitAttentionQueue();
  readonly taskSet: TaskSet;
  /** How many of its commands are between submission and their end. */
  activeCount = 0;

  constructor(session: Session, device: Device, lun: number, readOnly: boolean, handle: number) {
    this.session = session;
    this.device = device;
    this.lun = lun;
    this.readOnly = readOnly;
    this.handle = handle;
    this.taskSet = device.separateTaskSets ? new TaskSet() : device.taskSet;
  }
}
