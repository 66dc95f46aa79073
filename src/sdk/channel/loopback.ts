import { type Core, UserDevice } from "../../core/index.ts";
import { LOOPBACK_VERSION } from "../../protocol/scst/index.ts";
import { Arena, LoopbackSource } from "../memory/arena.ts";
import type { Channel } from "./channel.ts";

/**
 * Opens a user device of a core in this process: no kernel module, the same bytes.
 *
 * @param arena the memory of the program: devices that share a buffer pool have one, the `arena`
 *   of the first one's channel
 */
export function loopbackChannel(core: Core, arena = new Arena(new LoopbackSource())): Channel {
  return new LoopbackChannel(core, arena);
}

class LoopbackChannel implements Channel {
  readonly name = "loopback";
  readonly versions = [{ text: LOOPBACK_VERSION, source: "this package" }];
  readonly awakeTimeUsMax = 0;
  readonly arena: Arena;
  readonly #device: UserDevice;
  #readable: () => void = () => undefined;

  constructor(core: Core, arena: Arena) {
    this.arena = arena;
    this.#device = new UserDevice(core, this.arena, () => this.#readable());
  }

  ioctl(request: number, argument: number): number {
    return this.#device.ioctl(request, argument);
  }

  ioctlAside(request: number, argument: number): number {
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
