import { SENSE, type SenseCondition } from "../protocol/scsi/index.ts";
import { SCST_MAX_EXTERNAL_NAME } from "../protocol/scst/index.ts";
import { abortCommands, commandsOf } from "./abort.ts";
import type { AccessGroup, LunEntry } from "./access-group.ts";
import { tellByEvent } from "./async-event.ts";
import { Command } from "./command.ts";
import { COMMAND_STATE } from "./command-state.ts";
import type { Core } from "./core.ts";
import type { Device } from "./device.ts";
import { executed, respond } from "./completion.ts";
import { clearAca, endWaiting } from "./execution.ts";
import { start } from "./life-cycle.ts";
import { List } from "./list.ts";
import { Nexus } from "./nexus.ts";
import { NexusTable } from "./nexus-table.ts";
import { newCounters } from "./observe/counters.ts";
import type { Latency } from "./observe/latency.ts";
import type { Target } from "./target.ts";
import { manageTasks, type TaskManagementRequest, unregister } from "./task-management.ts";

/** The longest initiator name, in bytes: the ABI's field with its NUL. */
export const INITIATOR_NAME_LENGTH_MAX = SCST_MAX_EXTERNAL_NAME - 1;

/** An I_T nexus: an initiator port that is logged in to a target. */
export class Session {
  readonly core: Core;
  readonly target: Target;
  /** The initiator's name, by which groups know it. */
  readonly initiatorName: string;
  /** The same, with a suffix where another session of the target has the same. */
  readonly name: string;
  /** The initiator port's TransportID (SPC-5), by which reservations know it. */
  readonly transportId: Uint8Array | undefined;
  /** Where its LUNs come from. */
  group: AccessGroup | undefined;
  /** True from when every LUN's device has agreed, until the session ends. */
  attached = false;
  closing = false;
  /** Commands between submission and their end. */
  readonly active = new List<Command>();
  /** What the initiator has asked for so far. */
  readonly counters = newCounters();
  /** How long that took, while it is measured. */
  latency: Latency | undefined = undefined;
  readonly #pool: Command[] = [];
  readonly #held: Command[] = [];
  readonly #nexuses = new NexusTable();
  /** Nexuses whose devices have not answered yet. */
  readonly #awaited = new Map<number, Nexus>();
  /** Nexuses in the place of others, whose initiator is to be told so. */
  readonly #replaced: Nexus[] = [];
  #lunsChanged = false;
  /** The initiator may have seen its LUNs: from then on it is told of changes. */
  #begun = false;
  #attaching = 0;
  readonly #heldFunctions: TaskManagementRequest[] = [];
  /** Task management functions under way. */
  #functionCount = 0;
  #whenIdle: (() => void) | undefined;
  readonly #whenClosed: (() => void)[] = [];
  #closed = false;

  constructor(
    core: Core,
    target: Target,
    names: { initiatorName: string; name: string; transportId: Uint8Array | undefined },
  ) {
    this.core = core;
    this.target = target;
    this.initiatorName = names.initiatorName;
    this.name = names.name;
    this.transportId = names.transportId;
  }

  /** A command to fill in and submit. */
  command(): Command {
    return this.#pool.pop() ?? new Command(this);
  }

  nexusOf(lun: number): Nexus | undefined {
    return this.#nexuses.at(lun);
  }

  /** Every I_T_L nexus of the session, by LUN. */
  get nexuses(): ReadonlyMap<number, Nexus> {
    return this.#nexuses.byLun;
  }

  /** Nexuses whose LUN is gone while commands of theirs still run. */
  get leaving(): ReadonlySet<Nexus> {
    return this.#nexuses.leaving;
  }

  /** What is, or is about to be, behind a LUN. */
  behind(lun: number): LunEntry | undefined {
    return this.#awaited.get(lun) ?? this.#nexuses.at(lun);
  }

  /** The LUNs behind which there is, or is about to be, something. */
  get occupied(): Set<number> {
    return new Set([...this.nexuses.keys(), ...this.#awaited.keys()]);
  }

  /**
   * Attaches and detaches LUNs as one change. Commands that come meanwhile wait for all of it,
   * and the initiator is told afterwards.
   *
   * @param change says whether the list of the LUNs is another one
   */
  rearrange(change: () => boolean): void {
    this.#attaching++;
    this.attached = false;
    try {
      if (change()) this.#lunsChanged = true;
    } finally {
      this.#settle();
    }
  }

  /**
   * Makes `device` a LUN of the initiator. Within {@link rearrange}, as all that follow.
   *
   * @param inquiryChanged there was another one, which the initiator is told
   */
  attach(lun: number, device: Device, readOnly: boolean, inquiryChanged = false): void {
    this.#attach(lun, device, readOnly, inquiryChanged, undefined);
  }

  /** Puts `device` behind a LUN. As in SCST it hears of that before its predecessor does. */
  replace(lun: number, device: Device, readOnly: boolean, inquiryChanged: boolean): void {
    this.#attach(lun, device, readOnly, inquiryChanged, this.#take(lun));
  }

  #attach(
    lun: number,
    device: Device,
    readOnly: boolean,
    inquiryChanged: boolean,
    before: Nexus | undefined,
  ): void {
    const nexus = new Nexus(this, device, lun, readOnly, this.core.nextHandle());
    this.#attaching++;
    this.#awaited.set(lun, nexus);
    device.attach(nexus, (attached) => {
      // Another change may have come in between.
      const wanted = this.#awaited.get(lun) === nexus && !this.closing;
      if (this.#awaited.get(lun) === nexus) this.#awaited.delete(lun);
      if (attached && wanted) this.#enter(nexus);
      else if (attached) device.detach(nexus);
      if (inquiryChanged) this.#replaced.push(nexus);
      if (before !== undefined) this.#release(before);
      this.#settle();
    });
  }

  #enter(nexus: Nexus): void {
    nexus.unitAttentions.add(SENSE.POWER_ON_RESET_OR_BUS_DEVICE_RESET);
    this.#nexuses.add(nexus);
    nexus.device.deviceGroup?.welcome(nexus);
  }

  /** One thing less to wait for. After the last, what has been held goes on. */
  #settle(): void {
    this.#attaching--;
    if (this.#attaching > 0) return;
    this.#tellChanges();
    this.attached = !this.closing;
    this.#begun = true;
    // What a command brings about may change the LUNs again: the others wait for that too.
    while (this.attached && this.#held.length > 0) start(this.#held.shift() as Command);
    if (this.attached) this.#beginFunctions();
  }

  #tellChanges(): void {
    const replaced = this.#replaced.splice(0);
    const changed = SENSE.REPORTED_LUNS_DATA_HAS_CHANGED;
    if (this.#begun && this.#lunsChanged && !tellByEvent(this, 0, changed)) {
      for (const { unitAttentions } of this.nexuses.values()) {
        unitAttentions.add(changed);
      }
    }
    this.#lunsChanged = false;
    if (!this.#begun) return;
    for (const nexus of replaced) nexus.tell(SENSE.INQUIRY_DATA_HAS_CHANGED);
  }

  /** The initiator knows: none of its LUNs needs to tell it. */
  dropUnitAttention(condition: SenseCondition): void {
    for (const { unitAttentions } of this.nexuses.values()) {
      if (unitAttentions.pending) unitAttentions.remove(condition);
    }
  }

  /** Takes a LUN away; commands under way end by themselves. */
  detach(lun: number): void {
    const nexus = this.#take(lun);
    if (nexus !== undefined) this.#release(nexus);
  }

  #release(nexus: Nexus): void {
    clearAca(nexus);
    this.#nexuses.release(nexus);
  }

  /** From now on there is nothing behind the LUN. */
  #take(lun: number): Nexus | undefined {
    this.#awaited.delete(lun);
    return this.#nexuses.take(lun);
  }

  holdUntilAttached(command: Command): void {
    this.#held.push(command);
    if (!this.closing) return;
    // The driver has not heard yet.
    command.aborted = true;
    this.endAborted(command);
  }

  activate(command: Command): void {
    this.active.addLast(command);
  }

  recycle(command: Command): void {
    this.active.remove(command);
    const { whenEnded } = command;
    command.reset();
    this.#pool.push(command);
    if (whenEnded !== undefined) {
      command.whenEnded = undefined;
      whenEnded();
    }
    if (this.#whenIdle !== undefined) this.#checkIdle();
  }

  /** Asks for a task management function; the target driver is told when it is done. */
  taskManagement(request: TaskManagementRequest): void {
    this.core.enter();
    try {
      // As its commands, a function has to wait for the LUNs.
      this.#heldFunctions.push(request);
      if (this.attached || this.closing) this.#beginFunctions();
    } finally {
      this.core.leave();
    }
  }

  #beginFunctions(): void {
    for (const request of this.#heldFunctions.splice(0)) manageTasks(this, request);
  }

  functionBegins(): void {
    this.#functionCount++;
  }

  functionEnded(): void {
    this.#functionCount--;
    this.#checkIdle();
  }

  /** Ends one command without a response, when the handler has it as soon as that replies. */
  abort(command: Command): void {
    abortCommands([command], { by: this, tellsOthers: false }, () => {});
  }

  /** Leads an aborted command to its end, if the handler has not begun it. */
  endAborted(command: Command): void {
    switch (command.state) {
      case COMMAND_STATE.INIT_WAIT:
        if (command.nexus !== undefined) command.nexus.device.suspension.forget(command);
        else this.#held.splice(this.#held.indexOf(command), 1);
        respond(command);
        break;
      case COMMAND_STATE.DATA_WAIT:
        respond(command);
        break;
      case COMMAND_STATE.PARSE:
      case COMMAND_STATE.PREPARE_SPACE:
        if (command.nexus?.device.takeBack(command) === true) respond(command);
        break;
      case COMMAND_STATE.EXEC_CHECK:
        endWaiting(command);
        break;
      case COMMAND_STATE.EXEC_WAIT:
        if (command.nexus?.device.takeBack(command) === true) executed(command);
        else this.#endParts(command);
        break;
      case COMMAND_STATE.LOCAL_EXEC:
        this.#endParts(command);
        break;
      default:
        break;
    }
  }

  /** Takes back what the core gave to a device as part of `command`, if it is unseen yet. */
  #endParts(command: Command): void {
    for (const part of commandsOf(this, ({ parent }) => parent === command)) {
      if (part.aborted) continue;
      part.aborted = true;
      this.endAborted(part);
    }
  }

  /** Ends the session: what runs is aborted; `done` is called when nothing of it is left. */
  close(done: () => void): void {
    if (this.#closed) {
      done();
      return;
    }
    this.#whenClosed.push(done);
    if (this.closing) return;
    this.closing = true;
    this.attached = false;
    this.core.enter();
    try {
      this.#beginFunctions();
      unregister(this, () => {
        for (const lun of this.nexuses.keys()) this.detach(lun);
        this.target.forget(this);
        this.#closed = true;
        for (const closed of this.#whenClosed.splice(0)) closed();
      });
    } finally {
      this.core.leave();
    }
  }

  /**
   * Ends the session for the administrator: the target driver drops the initiator's connection.
   * `done` is called when nothing of the session is left.
   */
  forceClose(done: () => void): void {
    this.core.enter();
    try {
      if (!this.closing) this.target.driver.closeSession?.(this);
      this.close(done);
    } finally {
      this.core.leave();
    }
  }

  /** Calls `idle` once when no command or function is under way, perhaps at once. */
  whenIdle(idle: () => void): void {
    this.#whenIdle = idle;
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.active.length > 0 || this.#functionCount > 0) return;
    const idle = this.#whenIdle;
    this.#whenIdle = undefined;
    idle?.();
  }
}
