import type { Session } from "../../core/index.ts";
import {
  SCST_CMD_QUEUE_SIMPLE,
  SCST_DATA_BIDI,
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_WRITE,
} from "../../protocol/scst/index.ts";
import type { LocalTask } from "./local-task.ts";

/** A command for {@link LocalInitiator.execute}. */
export interface LocalRequest {
  readonly cdb: Uint8Array | readonly number[];
  /** 0 unless said. */
  readonly lun?: number;
  /** What is sent to the device. */
  readonly dataOut?: Uint8Array;
  /** Room for what the device sends, in bytes. */
  readonly dataInLength?: number;
  /** `SCST_CMD_QUEUE_…`; SIMPLE unless said. */
  readonly taskAttribute?: number;
  readonly tag?: number;
}

/** How a command ended. */
export interface LocalResponse {
  readonly status: number;
  /** Empty where there is none. */
  readonly sense: Uint8Array;
  readonly dataIn: Uint8Array;
  /** Positive: so many bytes less than expected. Negative: so many did not fit. */
  readonly residual: number;
  /** Task management ended the command: the other fields mean nothing. */
  readonly aborted: boolean;
}

/** An initiator in this process. */
export class LocalInitiator {
  readonly #session: Session;
  #tags = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Executes one command. Never rejects: whatever the device says is a response. */
  execute(request: LocalRequest): Promise<LocalResponse> {
    return new Promise((resolve) => {
      this.submit(taskOf(request, ++this.#tags, resolve));
    });
  }

  /** Executes a task that the caller keeps: the way without promises. */
  submit(task: LocalTask): void {
    const command = this.#session.command();
    command.setCdb(task.cdb, 0, task.cdb.length);
    command.lun = task.lun;
    command.tag = task.tag ?? 0;
    command.taskAttribute = task.taskAttribute ?? SCST_CMD_QUEUE_SIMPLE;
    command.expectedDirection = task.expectedDirection;
    command.expectedLength = task.expectedLength;
    command.expectedOutLength = task.expectedOutLength ?? 0;
    command.transport = task;
    command.submit();
  }

  /** Asks for a task management function; resolves with its status. */
  taskManagement(request: { function: number; lun?: number; tag?: number }): Promise<number> {
    return new Promise((resolve) => {
      this.#session.taskManagement({
        function: request.function,
        lun: request.lun ?? 0,
        tag: request.tag ?? 0,
        transport: resolve,
      });
    });
  }

  /** The session has ended, or is about to: commands are aborted at once. */
  get closed(): boolean {
    return this.#session.closing;
  }

  /** Ends the session; what runs is aborted. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#session.close(resolve));
  }
}

function taskOf(
  request: LocalRequest,
  tag: number,
  resolve: (response: LocalResponse) => void,
): LocalTask {
  const { dataOut, dataInLength = 0 } = request;
  return {
    lun: request.lun ?? 0,
    cdb: request.cdb instanceof Uint8Array ? request.cdb : Uint8Array.from(request.cdb),
    tag: request.tag ?? tag,
    taskAttribute: request.taskAttribute ?? SCST_CMD_QUEUE_SIMPLE,
    expectedDirection: directionOf(dataOut, dataInLength),
    expectedLength: dataInLength > 0 ? dataInLength : (dataOut?.length ?? 0),
    expectedOutLength: dataInLength > 0 ? (dataOut?.length ?? 0) : 0,
    dataOut,
    done(command) {
      const length = Math.min(command.responseLength, dataInLength);
      resolve({
        status: command.status,
        sense: command.sense.slice(0, command.senseLength),
        dataIn: command.data.slice(0, length),
        residual: command.residual,
        aborted: command.aborted,
      });
    },
  };
}

function directionOf(dataOut: Uint8Array | undefined, dataInLength: number): number {
  if (dataOut === undefined) return dataInLength > 0 ? SCST_DATA_READ : SCST_DATA_NONE;
  return dataInLength > 0 ? SCST_DATA_BIDI : SCST_DATA_WRITE;
}
