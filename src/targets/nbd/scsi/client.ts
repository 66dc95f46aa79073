import type { Command } from "../../../core/command.ts";
import type { Session } from "../../../core/session.ts";
import { SCST_DATA_NONE, SCST_DATA_READ } from "../../../protocol/scst/index.ts";
import { AGAIN, outcomeOf } from "./outcome.ts";

/** Whoever gave a command to the core; the target driver hands its calls on to it. */
export interface CommandOwner {
  readyToTransfer(command: Command): void;
  sendResponse(command: Command): void;
}

/** How often a command goes again because of unit attentions: there may be several of them. */
const TRIES_MAX = 16;

/**
 * Asks a logical unit about itself, one command after the other. For the handshake: there a
 * promise costs nothing that counts.
 */
export class ScsiClient {
  readonly #session: Session;
  readonly #lun: number;

  constructor(session: Session, lun: number) {
    this.#session = session;
    this.#lun = lun;
  }

  /** What the device answers, or undefined where it does not carry out the command. */
  async execute(cdb: Uint8Array, dataInLength = 0): Promise<Uint8Array | undefined> {
    for (let i = 0; i < TRIES_MAX; i++) {
      const { outcome, data } = await this.#once(cdb, dataInLength);
      if (outcome === 0) return data;
      if (outcome !== AGAIN || this.#session.closing) return undefined;
    }
    return undefined;
  }

  #once(cdb: Uint8Array, dataInLength: number): Promise<{ outcome: number; data: Uint8Array }> {
    return new Promise((resolve) => {
      const command = this.#session.command();
      const owner: CommandOwner = {
        readyToTransfer() {
          // None of these commands has data-out.
        },
        sendResponse(ended) {
          const data = ended.data.slice(0, ended.responseLength);
          resolve({ outcome: outcomeOf(ended, false), data });
          ended.responseSent(true);
        },
      };
      command.transport = owner;
      command.lun = this.#lun;
      command.setCdb(cdb, 0, cdb.length);
      command.expectedDirection = dataInLength > 0 ? SCST_DATA_READ : SCST_DATA_NONE;
      command.expectedLength = dataInLength;
      command.submit();
    });
  }
}
