import {
  SCST_CMD_QUEUE_ACA,
  SCST_CMD_QUEUE_HEAD_OF_QUEUE,
  SCST_CMD_QUEUE_ORDERED,
} from "../protocol/scst/index.ts";
import { endsAca } from "./aca.ts";
import type { Command } from "./command.ts";
import type { Nexus } from "./nexus.ts";

/** `Command.orderGroup` of a command that no task set has. */
export const NO_GROUP = -1;

/** `Command.orderGroup` of a command at the head of the queue. */
const HEAD_OF_QUEUE = -2;

/** `Command.orderGroup` of a command with the ACA attribute. */
const ACA = -3;

/**
 * A task set (SAM-6, "Task attributes"): which of its commands may begin.
 *
 * Commands are numbered in groups, in the order in which they came: an ORDERED one is a group of
 * its own, the SIMPLE ones between two of them are one. A command begins when every older group
 * is done. HEAD OF QUEUE commands begin at once, and hold the others up.
 */
export class TaskSet {
  /** The faulted nexus of an ACA condition: while there is one, nothing begins but ACA commands. */
  aca: Nexus | undefined = undefined;
  #acaCommandCount = 0;
  /** The oldest group that is not done. */
  #oldest = 0;
  /** The group of the newest command. */
  #newest = 0;
  #newestIsOrdered = false;
  /** How many commands each group from the oldest on still has. */
  readonly #counts: number[] = [0];
  #headOfQueueCount = 0;
  readonly #waiting: Command[] = [];
  /** Those whose turn has come and who have not been told yet. */
  readonly #ready: Command[] = [];

  /** Gives a new command its place. With `restricted`, SIMPLE commands are not reordered. */
  add(command: Command, restricted: boolean): void {
    if (command.taskAttribute === SCST_CMD_QUEUE_HEAD_OF_QUEUE) {
      command.orderGroup = HEAD_OF_QUEUE;
      this.#headOfQueueCount++;
      return;
    }
    if (command.taskAttribute === SCST_CMD_QUEUE_ACA) {
      command.orderGroup = ACA;
      this.#acaCommandCount++;
      return;
    }
    const ordered = restricted || command.taskAttribute === SCST_CMD_QUEUE_ORDERED;
    const last = this.#counts.length - 1;
    if ((ordered || this.#newestIsOrdered) && (this.#counts[last] as number) > 0) {
      this.#newest++;
      this.#counts.push(1);
    } else {
      (this.#counts[last] as number)++;
    }
    this.#newestIsOrdered = ordered;
    command.orderGroup = this.#newest;
  }

  /** Whether it is the command's turn. If not, it is told by `resume` when it is. */
  begins(command: Command): boolean {
    const { orderGroup } = command;
    if (orderGroup === NO_GROUP || orderGroup === ACA) return true;
    if (this.aca === undefined ? this.#mayBegin(orderGroup) : endsAca(command, this.aca))
      return true;
    this.#waiting.push(command);
    return false;
  }

  #mayBegin(orderGroup: number): boolean {
    if (orderGroup === HEAD_OF_QUEUE) return true;
    return this.#headOfQueueCount === 0 && orderGroup === this.#oldest;
  }

  get hasAcaCommand(): boolean {
    return this.#acaCommandCount > 0;
  }

  /** Ends the ACA condition of `nexus`, if there is one: `resume` is called for what has waited. */
  clearAca(nexus: Nexus, resume: (command: Command) => void): void {
    if (this.aca !== nexus) return;
    this.aca = undefined;
    this.#resume(resume);
  }

  /** A waiting command will not begin. */
  forget(command: Command): void {
    for (const list of [this.#waiting, this.#ready]) {
      const index = list.indexOf(command);
      if (index >= 0) list.splice(index, 1);
    }
  }

  /** The command is done with: others may have their turn, and `resume` is called for them. */
  remove(command: Command, resume: (command: Command) => void): void {
    const { orderGroup } = command;
    if (orderGroup === NO_GROUP) return;
    command.orderGroup = NO_GROUP;
    if (orderGroup === HEAD_OF_QUEUE) {
      this.#headOfQueueCount--;
    } else if (orderGroup === ACA) {
      this.#acaCommandCount--;
    } else {
      (this.#counts[orderGroup - this.#oldest] as number)--;
      while (this.#counts.length > 1 && this.#counts[0] === 0) {
        this.#counts.shift();
        this.#oldest++;
      }
    }
    if (this.#waiting.length > 0) this.#resume(resume);
  }

  #resume(resume: (command: Command) => void): void {
    if (this.aca !== undefined) return;
    const ready = this.#waiting.filter(({ orderGroup }) => this.#mayBegin(orderGroup));
    if (ready.length === 0) return;
    const rest = this.#waiting.filter(({ orderGroup }) => !this.#mayBegin(orderGroup));
    this.#waiting.splice(0, this.#waiting.length, ...rest);
    // One that ends at once may end others that are not told yet.
    this.#ready.push(...ready);
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) {
      resume(next);
    }
  }
}
