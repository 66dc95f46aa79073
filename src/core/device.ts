import { executingAt } from "./abort.ts";
import { SENSE } from "../protocol/scsi/index.ts";
import type { DeviceGroup } from "./alua/device-group.ts";
import type { Command } from "./command.ts";
import { Exclusion } from "./exclusion.ts";
import { checkLimit, CommandMemory } from "./flow-control.ts";
import type { Extent } from "./extended-copy/segment-copy.ts";
import type { Nexus } from "./nexus.ts";
import { newCounters } from "./observe/counters.ts";
import type { Latency } from "./observe/latency.ts";
import { QueueDepth } from "./queue-depth.ts";
import { Reservations } from "./reservations/reservations.ts";
import type { StateStore } from "./reservations/state-store.ts";
import { Suspension } from "./suspension.ts";
import type { TaskManagementRequest } from "./task-management.ts";
import { TaskSet } from "./task-set.ts";

/** Settings of a device, as plain data. */
export type DeviceAttributes = Readonly<Record<string, string | number | boolean>>;

/** What a device's commands are parsed by. */
export type ParsedBy = "core" | "device" | "core-then-device";

/**
 * A device as the core sees it. Everything here is called with the core entered, and whatever
 * can't be done at once is told later by the function named.
 */
export abstract class Device {
  readonly name: string;
  /** The peripheral device type. */
  readonly type: number;
  /** Bytes of a logical block; 0 for devices without. */
  readonly blockSize: number;
  /** Every I_T_L nexus that leads here. */
  readonly nexuses = new Set<Nexus>();
  /** Nexuses whose LUN is gone while commands of theirs still run. */
  readonly leaving = new Set<Nexus>();
  /** The one task set of all nexuses, where they have no own ones. */
  readonly taskSet = new TaskSet();
  /** Commands that may not run beside others. */
  readonly exclusion = new Exclusion();
  /** Its target port groups, where it has some. */
  deviceGroup: DeviceGroup | undefined = undefined;
  /** Grows when the inquiry data change: what was read of them before counts no more. */
  inquiryDataVersion = 0;

  /** How many commands are between the check of their LUN and their end. */
  activeCount = 0;
  /** How many of them are the core's own. */
  internalCount = 0;
  #commandsMax = Infinity;
  /** The same of each I_T_L nexus, fixed or adapting. */
  readonly queueDepth = new QueueDepth(() => executingAt(this));
  readonly commandMemory = new CommandMemory();
  /** Where new commands wait while the device is suspended. */
  readonly suspension = new Suspension(() => this.activeCount);

  readonly reservations: Reservations;
  /** What its initiators have asked for so far. */
  readonly counters = newCounters();
  /** How long that took, while it is measured. */
  latency: Latency | undefined = undefined;

  /**
   * @param store where persistent reservations survive a loss of power (APTPL); without one they
   *   do not
   */
  constructor(name: string, type: number, blockSize: number, store?: StateStore) {
    this.name = name;
    this.type = type;
    this.blockSize = blockSize;
    this.reservations = new Reservations(store === undefined ? { name } : { name, store });
  }

  /** How many commands of initiators the device may have at once. */
  get commandsMax(): number {
    return this.#commandsMax;
  }

  /** @throws UsageError LIMIT */
  set commandsMax(max: number) {
    this.#commandsMax = checkLimit("commandsMax", max);
  }

  /** The standard INQUIRY data or a VPD page is another one: every initiator is told. */
  inquiryDataChanged(): void {
    this.inquiryDataVersion++;
    for (const nexus of this.nexuses) nexus.tell(SENSE.INQUIRY_DATA_HAS_CHANGED);
  }

  /** Who stands behind it: `"user"` for a program with an open user device. */
  get handlerName(): string {
    return "core";
  }

  /** Its settings by name, for {@link Core.snapshot}. */
  get attributes(): DeviceAttributes {
    return {};
  }

  /** Who reads the CDBs: the core, the device, or the device where the core can't. */
  abstract readonly parsedBy: ParsedBy;
  /** Control mode page D_SENSE: the core's own sense is in descriptor format. */
  abstract readonly descriptorSense: boolean;
  /** Control mode page SWP, or a device that is read-only for the core. */
  abstract readonly writeProtected: boolean;

  /** Control mode page TST: each nexus has a task set of its own. */
  abstract readonly separateTaskSets: boolean;
  /** Control mode page QUEUE ALGORITHM MODIFIER 0: SIMPLE commands are not reordered. */
  abstract readonly restrictedReordering: boolean;
  /** Control mode page TAS: a command that another nexus aborts ends with TASK ABORTED. */
  abstract readonly taskAbortedStatus: boolean;
  /** Control mode page QERR: `SCST_QERR_…`, what a CHECK CONDITION does to other commands. */
  abstract readonly queueErrorManagement: number;
  /** The handler sees to the order of its commands itself. */
  abstract readonly ownOrderManagement: boolean;

  /** Control mode page TMF_ONLY: during an ACA condition there are no ACA commands. */
  get taskManagementFunctionsOnly(): boolean {
    return false;
  }

  /** The handler hears of each PERSISTENT RESERVE OUT that changed something. */
  abstract readonly persistentReserveNotifications: boolean;

  /** Reads the CDB; then `parsed` or `failed` of the life cycle. */
  abstract parse(command: Command): void;
  /** Gives the command a buffer now (true), or later by `spaceReady` or `failed` (false). */
  abstract allocate(command: Command): boolean;
  /** Gives a data-in command a buffer that is at hand; without one the device brings its own. */
  abstract allocateCached(command: Command): void;
  /** Executes the command; then `executed` of the life cycle. */
  abstract exec(command: Command): void;
  /** The command is over: true when the device has let go of it, else `freed` follows. */
  abstract free(command: Command): boolean;
  /** Takes back a command that it has been given and has not begun: true if that was possible. */
  abstract takeBack(command: Command): boolean;

  /**
   * Offers a segment of an EXTENDED COPY, which came to this device, to its handler. False, and
   * a device without this: the core copies it. Else `done` is told what is left to copy, or
   * undefined where the command has its status or is aborted.
   */
  remapCopy?(
    command: Command,
    extent: Extent,
    done: (left: readonly Extent[] | undefined) => void,
  ): boolean;

  /** An initiator gets the device as a LUN; `done` is told whether the device agrees. */
  abstract attach(nexus: Nexus, done: (attached: boolean) => void): void;
  abstract detach(nexus: Nexus): void;

  abstract taskManagementReceived(
    request: TaskManagementRequest,
    nexus: Nexus,
    done: () => void,
  ): void;
  abstract taskManagementDone(
    request: TaskManagementRequest,
    nexus: Nexus,
    done: (result: number) => void,
  ): void;
}
