import { SENSE } from "../protocol/scsi/index.ts";
import { SCST_MAX_EXTERNAL_NAME } from "../protocol/scst/index.ts";
import { Command } from "./command.ts";
import { COMMAND_STATE } from "./command-state.ts";
import type { Core } from "./core.ts";
import type { Device } from "./device.ts";
import { endWaiting, executed, respond, start } from "./life-cycle.ts";
import { List } from "./list.ts";
import { Nexus } from "./nexus.ts";
import type { Target } from "./target.ts";
import { manageTasks, type TaskManagementRequest, unregister } from "./task-management.ts";

/** The longest initiator name, in bytes: the ABI's field with its NUL. */
export const INITIATOR_NAME_LENGTH_MAX = SCST_MAX_EXTERNAL_NAME - 1;

/** LUNs below this are looked up in an array. */
const LOW_LUNS = 256;

/** An I_T nexus: an initiator port that is logged in to a target. */
export class Session {
  readonly core: Core;
  readonly target: Target;
  /** The initiator's name, with a suffix where another session of the target has the same. */
  readonly name: string;
  /** The initiator port's TransportID (SPC-5), by which reservations know it. */
  readonly transportId: Uint8Array | undefined;
  /** True from when every LUN's device has agreed. */
  attached = false;
  closing = false;
  /** Commands between submission and their end. */
  readonly active = new List<Command>();
  readonly #pool: Command[] = [];
  readonly #held: Command[] = [];
  readonly #low: (Nexus | undefined)[] = [];
  readonly #nexuses = new Map<number, Nexus>();
  #attaching = 0;
  #whenIdle: (() => void) | undefined;

  constructor(core: Core, target: Target, name: string, transportId: Uint8Array | undefined) {
    this.core = core;
    this.target = target;
    this.name = name;
    this.transportId = transportId;
  }

  /** A command to fill in and submit. */
  command(): Command {
    return this.#pool.pop() ?? new Command(this);
  }

  nexusOf(lun: number): Nexus | undefined {
    return lun < LOW_LUNS ? this.#low[lun] : this.#nexuses.get(lun);
  }

  /** Every I_T_L nexus of the session, by LUN. */
  get nexuses(): ReadonlyMap<number, Nexus> {
    return this.#nexuses;
  }

  /** Makes `device` a LUN of the initiator. */
  attach(lun: number, device: Device, readOnly: boolean): void {
    const nexus = new Nexus(this, device, lun, readOnly, this.core.nextHandle());
    this.#attaching++;
    this.attached = false;
    device.attach(nexus, (attached) => {
      if (attached && !this.closing) {
        nexus.unitAttentions.add(SENSE.POWER_ON_RESET_OR_BUS_DEVICE_RESET);
        this.#nexuses.set(lun, nexus);
        if (lun < LOW_LUNS) this.#low[lun] = nexus;
        device.nexuses.add(nexus);
        device.reservations.attach(nexus);
      } else if (attached) {
        device.detach(nexus);
      }
      this.#attaching--;
      if (this.#attaching === 0) this.#begin();
    });
  }

  /** There is nothing to wait for: what has been held goes on. */
  #begin(): void {
    this.attached = true;
    for (const command of this.#held.splice(0)) start(command);
  }

  /** Called once the target's LUNs have been attached; a session may have none. */
  attachedIfIdle(): void {
    if (this.#attaching === 0) this.#begin();
  }

  /** Takes a LUN away; commands under way end by themselves. */
  detach(lun: number): void {
    const nexus = this.#nexuses.get(lun);
    if (nexus === undefined) return;
    this.#nexuses.delete(lun);
    if (lun < LOW_LUNS) this.#low[lun] = undefined;
    nexus.device.nexuses.delete(nexus);
    nexus.device.reservations.detach(nexus);
    // The device hears of no command after that.
    nexus.whenIdle(() => nexus.device.detach(nexus));
  }

  holdUntilAttached(command: Command): void {
    this.#held.push(command);
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
    if (this.active.length === 0 && this.#whenIdle !== undefined) this.#whenIdle();
  }

  /** Asks for a task management function; the target driver is told when it is done. */
  taskManagement(request: TaskManagementRequest): void {
    this.core.enter();
    try {
      manageTasks(this, request);
    } finally {
      this.core.leave();
    }
  }

  /** Ends one command without a response, if the handler has not begun it. */
  abort(command: Command): void {
    command.aborted = true;
    switch (command.state) {
      case COMMAND_STATE.INIT_WAIT:
        this.#held.splice(this.#held.indexOf(command), 1);
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
        break;
      default:
        break;
    }
  }

  /** Ends the session: what runs is aborted; `done` is called when nothing of it is left. */
  close(done: () => void): void {
    if (this.closing) return;
    this.closing = true;
    this.core.enter();
    try {
      unregister(this, () => {
        for (const lun of this.#nexuses.keys()) this.detach(lun);
        this.target.forget(this);
        done();
      });
    } finally {
      this.core.leave();
    }
  }

  /** Calls `idle` when no command is under way, perhaps at once. */
  whenIdle(idle: () => void): void {
    if (this.active.length === 0) {
      idle();
      return;
    }
    this.#whenIdle = () => {
      this.#whenIdle = undefined;
      idle();
    };
  }
}
