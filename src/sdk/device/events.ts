import {
  SCST_USER_ATTACH_SESS,
  SCST_USER_DETACH_SESS,
  SCST_USER_TASK_MGMT_DONE,
  SCST_USER_TASK_MGMT_RECEIVED,
} from "../../protocol/scst/index.ts";
import { ERRNO } from "../../protocol/errno.ts";
import type {
  DeviceHandler,
  DeviceSession,
  MaybePromise,
  ScsiCommand,
  TaskManagement,
} from "../handler.ts";
import type { Report } from "./device-loop.ts";
import type { GetCmdView } from "./mailbox.ts";
import type { Sessions } from "./sessions.ts";

/** SCST_MGMT_STATUS_FAILED: the handler could not do its part. */
const TASK_MANAGEMENT_FAILED = -129;

/** The loop, as events need it. */
interface EventHost {
  replyResult(handle: number, subcode: number, result: number): void;
  waitingCommand(handle: number): ScsiCommand | undefined;
}

/** What is no SCSI command: sessions, task management, the end of a command. */
export class DeviceEvents {
  readonly #handler: DeviceHandler;
  readonly #sessions: Sessions;
  readonly #host: EventHost;
  readonly #report: Report;
  /** Sessions that are attached, by the handle that ATTACH_SESS came with. */
  readonly #attached = new Map<number, DeviceSession>();

  constructor(handler: DeviceHandler, sessions: Sessions, host: EventHost, report: Report) {
    this.#handler = handler;
    this.#sessions = sessions;
    this.#host = host;
    this.#report = report;
  }

  handle(view: GetCmdView): void {
    const { cmdH, subcode } = view;
    switch (subcode) {
      case SCST_USER_ATTACH_SESS: {
        const session = this.#sessions.add(view.sess);
        this.#attached.set(cmdH, session);
        this.#answer(cmdH, subcode, -ERRNO.EACCES, () => this.#attach(session));
        break;
      }
      case SCST_USER_DETACH_SESS: {
        const session = this.#forget(view.sess.sessH);
        this.#answer(cmdH, subcode, 0, () => {
          if (session !== undefined) this.#handler.detachSession?.(session);
        });
        break;
      }
      case SCST_USER_TASK_MGMT_RECEIVED: {
        const request = this.#taskManagement(view.tmCmd);
        this.#answer(cmdH, subcode, 0, () => this.#handler.taskManagementReceived?.(request));
        break;
      }
      case SCST_USER_TASK_MGMT_DONE: {
        const request = this.#taskManagement(view.tmCmd);
        this.#answer(cmdH, subcode, TASK_MANAGEMENT_FAILED, () =>
          this.#handler.taskManagementDone?.(request),
        );
        break;
      }
      default:
        break;
    }
  }

  /** The core did not take the answer to ATTACH_SESS: for it, and so for us, there is none. */
  attachFailed(handle: number): void {
    const session = this.#attached.get(handle);
    if (session === undefined) return;
    this.#forget(session.handle);
    try {
      this.#handler.detachSession?.(session);
    } catch (error) {
      this.#report("HANDLER", "the handler's detachSession failed", error);
    }
  }

  /** A session that the handler refuses is forgotten. */
  #attach(session: DeviceSession): MaybePromise<void> | undefined {
    const refused = (error: unknown): never => {
      this.#forget(session.handle);
      throw error;
    };
    try {
      return this.#handler.attachSession?.(session)?.catch(refused);
    } catch (error) {
      return refused(error);
    }
  }

  #forget(handle: bigint): DeviceSession | undefined {
    for (const [key, { handle: other }] of this.#attached) {
      if (other === handle) this.#attached.delete(key);
    }
    return this.#sessions.remove(handle);
  }

  freed(view: GetCmdView["onFreeCmd"]): void {
    if (this.#handler.onFree === undefined) return;
    try {
      this.#handler.onFree({
        responseLength: view.respDataLen,
        bufferCached: view.bufferCached !== 0,
        aborted: view.aborted !== 0,
        status: view.status,
        // The struct's byte is unsigned, the constants are not.
        deliveryStatus: (view.deliveryStatus << 24) >> 24,
      });
    } catch (error) {
      this.#report("HANDLER", "the handler's onFree failed", error);
    }
  }

  #taskManagement(view: GetCmdView["tmCmd"]): TaskManagement {
    return {
      function: view.fn,
      session: this.#sessions.find(view.sessHLow, view.sessHHigh),
      command: view.cmdHToAbort === 0 ? undefined : this.#host.waitingCommand(view.cmdHToAbort),
    };
  }

  /** Calls the handler and answers 0, or `failure` where it throws. */
  #answer(
    handle: number,
    subcode: number,
    failure: number,
    call: () => MaybePromise<void> | undefined,
  ): void {
    const fail = (error: unknown) => {
      this.#report("HANDLER", "the handler failed", error);
      this.#host.replyResult(handle, subcode, failure);
    };
    try {
      const done = call();
      if (done === undefined) this.#host.replyResult(handle, subcode, 0);
      else done.then(() => this.#host.replyResult(handle, subcode, 0)).catch(fail);
    } catch (error) {
      fail(error);
    }
  }
}
