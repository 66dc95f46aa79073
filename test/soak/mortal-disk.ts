/** A disk whose program takes its time, fails at times, and dies when it is told to. */
import {
  busy,
  type Core,
  type DeviceHandler,
  disk,
  loopbackChannel,
  memoryStore,
  type BlockStore,
  type MaybePromise,
  type Outcome,
  type RegisteredDevice,
  registerDevice,
  type ScsiCommand,
} from "scst-user";
import { BLOCK_BYTES } from "./blocks.ts";

export type Random = () => number;

export class MortalDisk {
  readonly name: string;
  /** What survives the program. */
  readonly store: BlockStore;
  readonly #core: Core;
  readonly #random: Random;
  #die: () => void = () => undefined;
  deaths = 0;

  constructor(core: Core, name: string, blocks: number, random: Random) {
    this.#core = core;
    this.name = name;
    this.store = memoryStore(blocks * BLOCK_BYTES);
    this.#random = random;
  }

  /** Starts the program. */
  async start(): Promise<RegisteredDevice> {
    const channel = loopbackChannel(this.#core);
    const life = { over: false };
    this.#die = () => {
      life.over = true;
      void channel.close();
    };
    return registerDevice(channel, this.name, this.#slow(disk(this.store), life));
  }

  /** Ends the program as kill -9 does: what it had begun and not done never happens. */
  kill(): void {
    this.deaths++;
    this.#die();
  }

  /** The handler, with a delay before each command. */
  #slow(handler: DeviceHandler, life: { over: boolean }): DeviceHandler {
    const exec = handler.exec.bind(handler);
    handler.exec = (command: ScsiCommand): MaybePromise<Outcome> => {
      const chance = this.#random();
      if (chance < 0.02) return busy;
      if (chance < 0.4) return exec(command);
      return this.#later(chance, life).then(() => exec(command));
    };
    return handler;
  }

  /** Never, for a program that is dead by then. */
  #later(chance: number, life: { over: boolean }): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        if (!life.over) resolve();
      };
      if (chance < 0.9) setImmediate(wake);
      else setTimeout(wake, this.#random() * 5);
    });
  }
}
