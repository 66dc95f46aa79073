import { ERRNO } from "../../protocol/errno.ts";
import { SCST_USER_PREALLOC_BUFFER, ScstUserPreallocBuffer } from "../../protocol/scst/index.ts";
import type { Channel } from "../channel/channel.ts";

/**
 * Gives the core a buffer to keep. It comes back as the buffer of a command, and at last by
 * ON_CACHED_MEM_FREE.
 *
 * @returns 0, or a negative errno
 */
export function preallocateBuffer(channel: Channel, lengthBytes: number): number {
  const { arena } = channel;
  const argument = arena.allocate(ScstUserPreallocBuffer.size);
  const buffer = arena.allocate(lengthBytes);
  let result: number = -ERRNO.ENOMEM;
  if (argument !== undefined && buffer !== undefined) {
    const view = ScstUserPreallocBuffer.view(argument.bytes);
    view.in.pbuf = buffer.address;
    // The core keeps powers of two, and takes nothing that is shorter.
    view.in.bufflen = buffer.bytes.length;
    view.in.forClustPool = 0;
    result = channel.ioctl(SCST_USER_PREALLOC_BUFFER, argument.address);
  }
  if (argument !== undefined) arena.release(argument.address);
  if (buffer !== undefined && result < 0) arena.release(buffer.address);
  return result;
}
