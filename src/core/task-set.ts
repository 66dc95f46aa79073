import { SCST_CMD_QUEUE_HEAD_OF_QUEUE, SCST_CMD_QUEUE_ORDERED } from "../protocol/scst/index.ts";
import type { Command } from "./command.ts";

/** `Command.orderGroup` of a command that no task set has. */
export const NO_GROUP = -1;

/** `Command.orderGroup` of a command at the head of the queue. */
const HEAD_OF_QUEUE = -2;

/**
 * A task set (SAM-6, "Task attributes"): which of its commands may begin.
 *
 * Commands are numbered in groups, in the order in which they came: an ORDERED one is a group of
 * its own, the SIMPLE ones between two of them are one. A command begins when every older group
 * is done. HEAD OF QUEUE commands begin at once, and hold the others up.
 */
export class TaskSet {
  /** The oldest group that is not done. */
  #oldest = 0;
  /** The group of the newest command. */
  #newest = 0;
  #newestIsOrdered = false;
  /** How many commands each group from the oldest on still has. */
  readonly #counts: number[] = [0];
  #headOfQueueCount = 0;
  readonly #waiting: Command[] = [];

  /** Gives a new command its place. With `restricted`, SIMPLE commands are not reordered. */
  add(command: Command, restricted: boolean): void {
    if (command.taskAttribute === SCST_CMD_QUEUE_HEAD_OF_QUEUE) {
      command.orderGroup = HEAD_OF_QUEUE;
      this.#headOfQueueCount++;
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
    if (orderGroup === NO_GROUP || orderGroup === HEAD_OF_QUEUE) return true;
    if (this.#headOfQueueCount === 0 && orderGroup === this.#oldest) return true;
    this.#waiting.push(command);
    return false;
  }

  /** A waiting command will not begin. */
  forget(command: Command): void {
    const index = this.#waiting.indexOf(command);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  /** The command is done with: others may have their turn, and `resume` is called for them. */
  remove(command: Command, resume: (command: Command) => void): void {
    const { orderGroup } = command;
    if (orderGroup === NO_GROUP) return;
    command.orderGroup = NO_GROUP;
    if (orderGroup === HEAD_OF_QUEUE) {
      this.#headOfQueueCount--;
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
    if (this.#headOfQueueCount > 0) return;
    const ready = this.#waiting.filter(({ orderGroup }) => orderGroup === this.#oldest);
    if (ready.length === 0) return;
    const rest = this.#waiting.filter(({ orderGroup }) => orderGroup !== this.#oldest);
    this.#waiting.splice(0, this.#waiting.length, ...rest);
    // One that ends at once changes the set: what is not its turn any more waits again.
    for (const command of ready) resume(command);
  }
}
