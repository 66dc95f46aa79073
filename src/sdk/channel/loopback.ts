import { type Core, UserDevice } from "../../core/index.ts";
import { LOOPBACK_VERSION } from "../../protocol/scst/index.ts";
import { Arena, LoopbackSource } from "../memory/arena.ts";
import type { Channel } from "./channel.ts";

/** Opens a user device of a core in this process: no kernel module, the same bytes. */
export function loopbackChannel(core: Core): Channel {
  return new LoopbackChannel(core);
}

class LoopbackChannel implements Channel {
  readonly name = "loopback";
  readonly version = LOOPBACK_VERSION;
  readonly arena = new Arena(new LoopbackSource());
  readonly #device: UserDevice;
  #readable: () => void = () => undefined;

  constructor(core: Core) {
    this.#device = new UserDevice(core, this.arena, () => this.#readable());
  }

  ioctl(request: number, argument: number): number {
    return this.#device.ioctl(request, argument);
  }

  whenReadable(readable: () => void): void {
    this.#readable = readable;
    if (this.#device.readable) readable();
  }

  close(): void {
    this.#device.close();
  }
}
