import { UCMD_STATE_NEW } from "../../protocol/scst/index.ts";
import type { Command } from "../command.ts";
import type { DataBuffer } from "../data-buffer.ts";
import type { Linked, List } from "../list.ts";
import type { Nexus } from "../nexus.ts";
import type { Remap } from "./remap.ts";
import type { TaskManagementRequest } from "../task-management.ts";

/** How many subcommands of a device may be known at once. */
const USER_COMMANDS_MAX = 65_536;

/** The slot's number is in the low bits of a handle, its generation above. */
const SLOT_BITS = 16;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const GENERATION_MASK = 0x7fff;

/** What ON_FREE_CMD tells of a command. */
export type EndedCommand = Pick<
  Command,
  "buffer" | "responseLength" | "aborted" | "answersAbort" | "status" | "deliveryFailed"
>;

/** Something that the handler is asked to do, or will be: a SCSI command or an event. */
export class UserCommand implements Linked<UserCommand> {
  handle: number;
  /** `UCMD_STATE_…` */
  state: number = UCMD_STATE_NEW;
  /** The handler has it and owes a reply. */
  sent = false;
  /** The core has ended what the handler has: a reply that still comes means nothing. */
  unjammed = false;
  /** The handler has seen the SCSI command at all: it will be told of its end. */
  seen = false;
  /** The initiator has its answer; what the handler still does is its own affair. */
  background = false;
  command: Command | undefined = undefined;
  nexus: Nexus | undefined = undefined;
  /** For ON_CACHED_MEM_FREE. */
  buffer: DataBuffer | undefined = undefined;
  /** A command that has ended while the handler goes on in the background. */
  ended: EndedCommand | undefined = undefined;
  request: TaskManagementRequest | undefined = undefined;
  /** For EXT_COPY_REMAP. */
  remap: Remap | undefined = undefined;
  /** For events: called with the reply's result, or `undefined` where none came. */
  replied: ((result: number | undefined) => void) | undefined = undefined;

  previous: UserCommand | undefined = undefined;
  next: UserCommand | undefined = undefined;
  list: List<UserCommand> | undefined = undefined;

  constructor(handle: number) {
    this.handle = handle;
  }
}

/** The subcommands of a device, by handle. A slot is used again, its handle is not. */
export class UserCommandTable {
  readonly #slots: UserCommand[] = [];
  readonly #free: UserCommand[] = [];
  /** How many are in use. */
  used = 0;

  /** One to fill in, or undefined: too many are in use. */
  take(): UserCommand | undefined {
    const free = this.#free.pop();
    if (free !== undefined) {
      this.used++;
      return free;
    }
    if (this.#slots.length === USER_COMMANDS_MAX) return undefined;
    const userCommand = new UserCommand(this.#slots.length);
    this.#slots.push(userCommand);
    this.used++;
    return userCommand;
  }

  /** The one in use with this handle, or undefined. */
  find(handle: number): UserCommand | undefined {
    const userCommand = this.#slots[handle & SLOT_MASK];
    if (userCommand === undefined || userCommand.handle !== handle) return undefined;
    return userCommand.state === UCMD_STATE_NEW ? undefined : userCommand;
  }

  give(userCommand: UserCommand): void {
    const slot = userCommand.handle & SLOT_MASK;
    const generation = ((userCommand.handle >>> SLOT_BITS) + 1) & GENERATION_MASK;
    userCommand.handle = (generation << SLOT_BITS) | slot;
    userCommand.state = UCMD_STATE_NEW;
    userCommand.sent = false;
    userCommand.unjammed = false;
    userCommand.seen = false;
    userCommand.background = false;
    userCommand.command = undefined;
    userCommand.nexus = undefined;
    userCommand.buffer = undefined;
    userCommand.ended = undefined;
    userCommand.request = undefined;
    userCommand.remap = undefined;
    userCommand.replied = undefined;
    this.used--;
    this.#free.push(userCommand);
  }

  /** Those in use now. */
  all(): UserCommand[] {
    return this.#slots.filter((userCommand) => userCommand.state !== UCMD_STATE_NEW);
  }
}
