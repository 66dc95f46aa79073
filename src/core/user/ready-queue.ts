import { SCST_CMD_QUEUE_HEAD_OF_QUEUE, UCMD_STATE_EXECING } from "../../protocol/scst/index.ts";
import {
  UCMD_STATE_ATTACH_SESS,
  UCMD_STATE_BUF_ALLOCING,
  UCMD_STATE_DETACH_SESS,
  UCMD_STATE_PARSING,
  UCMD_STATE_TM_DONE_EXECING,
  UCMD_STATE_TM_RECEIVED_EXECING,
} from "../../protocol/scst/index.ts";
import { List } from "../list.ts";
import type { UserCommand } from "./user-command.ts";

/**
 * What waits to be handed to the handler, in SCST's order: sessions and task management first
 * come first served; then what holds a command up (PARSE, ALLOC_MEM, EXEC at the head of the
 * queue), the newest first; then the rest.
 */
export class ReadyQueue {
  readonly #events = new List<UserCommand>();
  readonly #commands = new List<UserCommand>();

  get length(): number {
    return this.#events.length + this.#commands.length;
  }

  add(userCommand: UserCommand): void {
    switch (userCommand.state) {
      case UCMD_STATE_ATTACH_SESS:
      case UCMD_STATE_DETACH_SESS:
      case UCMD_STATE_TM_RECEIVED_EXECING:
      case UCMD_STATE_TM_DONE_EXECING:
        this.#events.addLast(userCommand);
        break;
      case UCMD_STATE_PARSING:
      case UCMD_STATE_BUF_ALLOCING:
        this.#commands.addFirst(userCommand);
        break;
      case UCMD_STATE_EXECING:
        if (userCommand.command?.taskAttribute === SCST_CMD_QUEUE_HEAD_OF_QUEUE) {
          this.#commands.addFirst(userCommand);
        } else {
          this.#commands.addLast(userCommand);
        }
        break;
      default:
        this.#commands.addLast(userCommand);
        break;
    }
  }

  take(): UserCommand | undefined {
    return this.#events.takeFirst() ?? this.#commands.takeFirst();
  }

  /** Takes one out that is not to be handed out any more. */
  remove(userCommand: UserCommand): boolean {
    const list = userCommand.list;
    if (list === undefined) return false;
    list.remove(userCommand);
    return true;
  }

  /** Puts one back that could not be handed out. */
  putBack(userCommand: UserCommand): void {
    const events = userCommand.command === undefined && userCommand.buffer === undefined;
    (events ? this.#events : this.#commands).addFirst(userCommand);
  }
}
