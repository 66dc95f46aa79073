/**
 * How many commands there may be, and how much memory their data may take: what is over a limit
 * ends with BUSY or TASK SET FULL before it costs anything.
 */
import { UsageError } from "../protocol/errors.ts";
import { STATUS } from "../protocol/scsi/index.ts";
import type { Command } from "./command.ts";
import type { Nexus } from "./nexus.ts";
import { checkQueueDepth, QUEUE_DEPTH_DEFAULT } from "./queue-depth.ts";

const GIBIBYTE = 2 ** 30;

/** The limits that devices have unless they are given others. */
export interface FlowLimits {
  /** Commands of one initiator at one LUN. SCST's `max_tgt_dev_commands`; 64. */
  readonly queueDepthMax?: number;
  /** Commands at one device, of all initiators. Unlimited. */
  readonly deviceCommandsMax?: number;
  /** Bytes of command data of all devices. 1 GiB. */
  readonly commandMemoryMax?: number;
  /** Bytes of command data of one device. Two fifths of `commandMemoryMax`. */
  readonly deviceCommandMemoryMax?: number;
  /** Every device's queue depth adapts to its speed: {@link QueueDepth}. Off. */
  readonly dynamicQueueDepth?: boolean;
}

/** SCST's part of all command memory that one device may have. */
const DEVICE_PART = 2 / 5;

/**
 * The limits with their defaults.
 *
 * @throws UsageError QUEUE_DEPTH, LIMIT
 */
export function flowLimits(options: FlowLimits = {}): Required<FlowLimits> {
  const { commandMemoryMax = GIBIBYTE } = options;
  const ofDevice = Math.max(1, Math.floor(commandMemoryMax * DEVICE_PART));
  const { deviceCommandsMax = Infinity, deviceCommandMemoryMax = ofDevice } = options;
  return {
    queueDepthMax: checkQueueDepth(options.queueDepthMax ?? QUEUE_DEPTH_DEFAULT),
    deviceCommandsMax: checkLimit("deviceCommandsMax", deviceCommandsMax),
    commandMemoryMax: checkLimit("commandMemoryMax", commandMemoryMax),
    deviceCommandMemoryMax: checkLimit("deviceCommandMemoryMax", deviceCommandMemoryMax),
    dynamicQueueDepth: options.dynamicQueueDepth ?? false,
  };
}

/** @throws UsageError LIMIT when it is less than 1, or no number; Infinity is none. */
export function checkLimit(name: string, limit: number): number {
  if (limit >= 1) return limit;
  throw new UsageError("LIMIT", `${name} ${limit}: it must be 1 or more`);
}

/** Bytes of command data: those of commands under way, and how many there may be. */
export class CommandMemory {
  used = 0;
  #max = Infinity;

  get max(): number {
    return this.#max;
  }

  /** @throws UsageError LIMIT */
  set max(max: number) {
    this.#max = checkLimit("command memory", max);
  }
}

/** Counts a command in at its LUN: false if that is one too many. */
export function enterNexus(command: Command, nexus: Nexus): boolean {
  const { device } = nexus;
  nexus.activeCount++;
  device.activeCount++;
  if (command.internal !== undefined) {
    // Part of a command that is counted.
    nexus.internalCount++;
    device.internalCount++;
    return true;
  }
  return (
    nexus.activeCount - nexus.internalCount <= device.queueDepth.current &&
    device.activeCount - device.internalCount <= device.commandsMax
  );
}

/** A command's end, as far as its device's counts go. The nexus' own follow by `ended`. */
export function leaveDevice(command: Command, nexus: Nexus): void {
  const { device } = nexus;
  device.activeCount--;
  if (command.internal !== undefined) {
    nexus.internalCount--;
    device.internalCount--;
  }
  const { chargedLength } = command;
  if (chargedLength > 0) {
    device.commandMemory.used -= chargedLength;
    command.session.core.commandMemory.used -= chargedLength;
  }
}

/** Sets aside memory for the command's data: false if there is too little. */
export function chargeMemory(command: Command): boolean {
  const length = command.bufferLength + command.outBufferLength;
  const ofDevice = command.nexus!.device.commandMemory;
  const ofAll = command.session.core.commandMemory;
  // The core's own commands have bounds of their own, and whom they serve has begun.
  const over = ofDevice.used + length > ofDevice.max || ofAll.used + length > ofAll.max;
  if (over && command.internal === undefined) return false;
  ofDevice.used += length;
  ofAll.used += length;
  command.chargedLength = length;
  return true;
}

/**
 * How a command ends for which there is no room: SCST says TASK SET FULL to an initiator that
 * has more than this one, and BUSY to the others (SAM-6, "Status codes").
 */
export function overLimitStatus({ session }: Command): number {
  if (!session.attached) return STATUS.BUSY;
  let count = 0;
  for (let each = session.active.first; each !== undefined && count < 2; each = each.next) {
    if (each.internal === undefined) count++;
  }
  return count < 2 ? STATUS.BUSY : STATUS.TASK_SET_FULL;
}
