import type {
  AsyncEvent,
  Command,
  Core,
  Session,
  Target,
  TargetDriver,
  TaskManagementRequest,
} from "../../core/index.ts";
import type { SenseCondition } from "../../protocol/scsi/index.ts";
import { LocalInitiator } from "./local-initiator.ts";
import type { LocalTask } from "./local-task.ts";

/** What an initiator in this process is told without asking. */
export interface LocalEvent {
  /** The logical unit; 0 where it is about all of them. */
  readonly lun: number;
  /** What would else have been a unit attention. */
  readonly sense: SenseCondition;
}

/** A target in this process: tests and tools are its initiators. */
export class LocalTarget implements TargetDriver {
  readonly name = "local";
  readonly #core: Core;
  readonly #target: Target;
  readonly #listeners = new WeakMap<Session, (event: LocalEvent) => void>();

  constructor(core: Core, name: string, transportVersion = 0) {
    this.#core = core;
    this.#target = core.addTarget({ name, driver: this, transportVersion });
  }

  /** Makes a registered device a LUN. */
  addLun(lun: number, device: string, options: { readOnly?: boolean } = {}): void {
    this.#target.addLun(lun, device, options);
  }

  removeLun(lun: number): void {
    this.#target.removeLun(lun);
  }

  /**
   * A new session: an I_T nexus with every LUN of the target.
   *
   * @param options.onEvent is told of changes, in a later turn, instead of unit attentions
   */
  connect(
    initiatorName: string,
    options: { onEvent?: (event: LocalEvent) => void } = {},
  ): LocalInitiator {
    const session = this.#target.openSession({ initiatorName });
    if (options.onEvent !== undefined) this.#listeners.set(session, options.onEvent);
    return new LocalInitiator(session);
  }

  asyncEvent({ session, lun, sense }: AsyncEvent): boolean {
    const listener = this.#listeners.get(session);
    if (listener === undefined) return false;
    // Not in the middle of the change itself.
    queueMicrotask(() => listener({ lun, sense }));
    return true;
  }

  /** Ends every session by force, and takes the target away; resolves when it is gone. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#core.closeTarget(this.#target, resolve));
  }

  readyToTransfer(command: Command): void {
    const { dataOut } = command.transport as LocalTask;
    const into = command.dataOut;
    if (dataOut !== undefined) {
      into.set(dataOut.length > into.length ? dataOut.subarray(0, into.length) : dataOut);
    }
    command.dataReceived();
  }

  sendResponse(command: Command): void {
    const task = command.transport as LocalTask;
    try {
      task.done(command);
    } finally {
      command.responseSent(true);
    }
  }

  taskManagementDone(request: TaskManagementRequest): void {
    (request.transport as (status: number) => void)(request.status ?? 0);
  }
}
