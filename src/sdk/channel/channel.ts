import type { MaybePromise } from "../handler.ts";
import type { Arena } from "../memory/arena.ts";
import type { InterfaceVersion } from "./interface-version.ts";

/**
 * The way to a core: an open user device. Both kinds, the kernel's and the one in this process,
 * speak the same ioctls with the same bytes.
 */
export interface Channel {
  /** For messages: `"loopback"` or the path of the device. */
  readonly name: string;
  /** What REGISTER_DEVICE may want to hear about the interface's version, the likeliest first. */
  readonly versions: readonly InterfaceVersion[];
  /**
   * For how many microseconds after the last command it may pay to ask for the next one again and
   * again, before the event loop sleeps; 0: never, as where asking finds nothing that was not told.
   */
  readonly awakeTimeUsMax: number;
  /** Memory whose addresses the core understands. */
  readonly arena: Arena;
  /** ioctl(2): 0 or more, or a negative errno. `argument` is an address, where there is one. */
  ioctl(request: number, argument: number): number;
  /**
   * The same for calls that wait in the core for answers, which may be this thread's to give: it
   * stays free meanwhile.
   */
  ioctlAside(request: number, argument: number): MaybePromise<number>;
  /**
   * Calls `readable` whenever there is something to get after there was nothing. Nothing is missed
   * from when this resolves on.
   */
  whenReadable(readable: () => void): MaybePromise<void>;
  /**
   * Closes the user device: the core takes the device away from every initiator. Resolves when
   * that is done, and the name `device` is free.
   */
  close(device?: string): MaybePromise<void>;
}
