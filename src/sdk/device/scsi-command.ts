import { UsageError } from "../../protocol/errors.ts";
import { SCST_DATA_NONE, SCST_DATA_READ, SCST_MAX_CDB_SIZE } from "../../protocol/scst/index.ts";
import type { DeviceSession, ScsiCommand } from "../handler.ts";
import type { Block } from "../memory/arena.ts";
import { good, type Outcome } from "../outcome.ts";

export const NO_BYTES = new Uint8Array(0);

/** What a command at the handler can ask of the loop that brought it. */
export interface CommandHost {
  answerInBackground(command: SlotCommand): void;
}

/** A command at the handler; slots are used again. */
export class SlotCommand implements ScsiCommand {
  readonly #host: CommandHost;
  cdb: Uint8Array = new Uint8Array(SCST_MAX_CDB_SIZE);
  cdbLength = 0;
  lba = 0;
  dataLength = 0;
  bufferLength = 0;
  buffer: Uint8Array = NO_BYTES;
  outBuffer: Uint8Array = NO_BYTES;
  dataDirection: number = SCST_DATA_NONE;
  taskAttribute = 0;
  timeoutSeconds = 0;
  session!: DeviceSession;
  /** -1: the handler has not said, and the whole buffer is meant. */
  responseLengthSet = -1;

  /** The core's name for it. */
  handle = 0;
  /** Memory that the handler brings, because the core had none. */
  ownBlock: Block | undefined = undefined;
  inBackground = false;

  constructor(host: CommandHost) {
    this.#host = host;
  }

  get responseLength(): number {
    if (this.dataDirection !== SCST_DATA_READ) return 0;
    return this.responseLengthSet < 0 ? this.bufferLength : this.responseLengthSet;
  }

  set responseLength(length: number) {
    if (!Number.isInteger(length) || length < 0 || length > this.bufferLength) {
      throw new UsageError(
        "RESPONSE_LENGTH",
        `response length ${length}: it must be a whole number from 0 to ${this.bufferLength}`,
      );
    }
    this.responseLengthSet = length;
  }

  reply(data: Uint8Array): Outcome {
    const length = Math.min(data.length, this.buffer.length);
    this.buffer.set(length === data.length ? data : data.subarray(0, length));
    this.responseLength = length;
    return good;
  }

  answerInBackground(): void {
    this.#host.answerInBackground(this);
  }
}
