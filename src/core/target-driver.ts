import type { AsyncEvent } from "./async-event.ts";
import type { Command } from "./command.ts";
import type { DataBuffer } from "./data-buffer.ts";
import type { Session } from "./session.ts";
import type { TaskManagementRequest } from "./task-management.ts";

/**
 * What the core asks of a target driver (iSCSI, NBD, the local initiator): to fetch data-out,
 * and to deliver responses. All calls are made on the driver's own stack or from the core's
 * event; none may throw.
 */
export interface TargetDriver {
  /** For logs and names: `"iscsi"`. */
  readonly name: string;

  /**
   * A command with data-out has its buffer: put the data into `command.dataOut` and call
   * `command.dataReceived()`, now or later. Less data than `command.dataOut.length` is allowed
   * when the initiator announced less; the rest of the buffer is then not written.
   */
  readyToTransfer(command: Command): void;

  /**
   * The command is over. Send its response (unless `command.aborted`, then send nothing), then
   * call `command.responseSent(delivered)` when `command.data` is no longer needed, now or
   * later. Called exactly once for each submitted command.
   */
  sendResponse(command: Command): void;

  /** A task management function is over: `request.status` is its result. */
  taskManagementDone(request: TaskManagementRequest): void;

  /**
   * The administrator ends the session: drop the initiator's connection. The core closes the
   * session by itself; closing it too does no harm. Without this method the initiator finds out
   * by its commands, which end without a response.
   */
  closeSession?(session: Session): void;

  /**
   * Something changed that the initiator should know without asking. True when the driver tells
   * it: no unit attention waits then. A driver without this, or one that says false, has its
   * initiators find the unit attention.
   */
  asyncEvent?(event: AsyncEvent): boolean;

  /**
   * For drivers that must map memory before they use it. The first command of the driver that has
   * `buffer` waits until `done` is called, now or later; the buffer stays registered while the
   * pool keeps it. It is always the same object: a driver may keep its mapping in a `WeakMap`.
   *
   * @param done `false` where the buffer can't be mapped: a command that has not been executed
   *   ends with BUSY, another with HARDWARE ERROR, INTERNAL TARGET FAILURE
   */
  registerBuffer?(buffer: DataBuffer, done: (registered: boolean) => void): void;

  /**
   * The buffer goes back to its handler, who hears of that after `done` is called, now or later.
   * No command of the driver has it.
   */
  unregisterBuffer?(buffer: DataBuffer, done: () => void): void;
}
