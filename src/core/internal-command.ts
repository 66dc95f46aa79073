import type { Command } from "./command.ts";

/** Who waits for a command that the core itself gives to a device, in a target driver's place. */
export interface InternalOwner {
  /** The command has its buffer: put the data-out into `command.data`. */
  fill(command: Command): void;
  /** The command is over; what it says is valid during the call. */
  ended(command: Command): void;
}
