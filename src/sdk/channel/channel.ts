import type { Arena } from "../memory/arena.ts";

/**
 * The way to a core: an open user device. Both kinds, the kernel's and the one in this process,
 * speak the same ioctls with the same bytes.
 */
export interface Channel {
  /** For messages: `"loopback"` or the path of the device. */
  readonly name: string;
  /** What REGISTER_DEVICE wants to hear about the interface's version. */
  readonly version: string;
  /** Memory whose addresses the core understands. */
  readonly arena: Arena;
  /** ioctl(2): 0 or more, or a negative errno. `argument` is an address, where there is one. */
  ioctl(request: number, argument: number): number;
  /** Calls `readable` whenever there is something to get after there was nothing. */
  whenReadable(readable: () => void): void;
  /** Closes the user device: the core takes the device away from every initiator. */
  close(): void;
}
