/** Where the memory of a user device's commands comes from, and where it goes. */
import { ERRNO } from "../../protocol/errno.ts";
import {
  SCST_DATA_BIDI,
  SCST_DATA_READ,
  SCST_DATA_WRITE,
  SCST_USER_MEM_REUSE_ALL,
  SCST_USER_MEM_REUSE_READ,
  SCST_USER_MEM_REUSE_WRITE,
  ScstUserPreallocBuffer,
} from "../../protocol/scst/index.ts";
import { type BufferPool, PAGE_SIZE, pagesOf } from "../buffer-pool.ts";
import type { PoolLease } from "../buffer-pools.ts";
import type { Command } from "../command.ts";
import { type BufferOwner, DataBuffer } from "../data-buffer.ts";
import type { UserMemory } from "../user-memory.ts";

/** A buffer's class: the core would keep it if it were not too big. */
const UNCACHED = -2;

/** A buffer's class: the handler's own, which it frees by itself. */
export const NOT_REUSED = -1;

/** The buffers of one device. */
export class UserBuffers {
  readonly pool: BufferPool;
  readonly #lease: PoolLease;
  readonly #zeroes: boolean;
  readonly #owner: BufferOwner;

  /** @param options.zeroes data-in buffers that served another command are zeroed */
  constructor(owner: BufferOwner, options: { lease: PoolLease; zeroes: boolean }) {
    this.#owner = owner;
    this.#lease = options.lease;
    this.#zeroes = options.zeroes;
    this.pool = options.lease.pool;
  }

  /** How much memory the handler is asked for: a whole buffer of the pool, where it is kept. */
  allocationLength(command: Command, memoryReuseType: number): number {
    const length = lengthOf(command);
    if (!reuses(command, memoryReuseType)) return length;
    const sizeClass = this.pool.classOf(length);
    return sizeClass < 0 ? length : this.pool.lengthOf(sizeClass);
  }

  /** Gives the command a buffer that waits, if there is one. */
  take(command: Command, memoryReuseType: number): void {
    const { pool } = this;
    if (!reuses(command, memoryReuseType)) {
      pool.other++;
      return;
    }
    const length = lengthOf(command);
    const buffer = pool.take(length);
    command.buffer = buffer;
    // What is sent to the device replaces what there was before.
    const readable = command.dataDirection !== SCST_DATA_WRITE;
    if (this.#zeroes && readable && buffer !== undefined) buffer.bytes.fill(0, 0, length);
  }

  /** The handler's memory at `pbuf` as the command's buffer, or a negative errno. */
  at(
    command: Command,
    pbuf: number,
    memoryReuseType: number,
    memory: UserMemory,
  ): DataBuffer | number {
    const reused = reuses(command, memoryReuseType);
    if (reused && pbuf % PAGE_SIZE !== 0) return -ERRNO.EINVAL;
    const length = this.allocationLength(command, memoryReuseType);
    const segment = memory.find(pbuf, length);
    if (segment === undefined) return -ERRNO.EFAULT;
    if (!reused) return DataBuffer.of(segment, pbuf, length, NOT_REUSED, this.#owner);
    const sizeClass = this.pool.classOf(length);
    if (sizeClass < 0) return DataBuffer.of(segment, pbuf, length, UNCACHED, this.#owner);
    const buffer = DataBuffer.of(segment, pbuf, length, sizeClass, this.#owner);
    this.pool.adopt(buffer);
    return buffer;
  }

  /**
   * PREALLOC_BUFFER: 0, or a negative errno. One address may come twice, as SCST has it: which
   * commands may have the same memory is the handler's to know.
   */
  preallocate(argument: number, memory: UserMemory): number {
    const segment = memory.find(argument, ScstUserPreallocBuffer.size);
    if (segment === undefined) return -ERRNO.EFAULT;
    const view = ScstUserPreallocBuffer.view(segment.bytes, argument - segment.base);
    const { pbuf, bufflen } = view.in;
    if (pbuf % PAGE_SIZE !== 0) return -ERRNO.EINVAL;
    const sizeClass = this.pool.classOf(bufflen);
    const whole = pagesOf(bufflen);
    // SCST maps what there is, and finds it too short only then.
    const found = memory.find(pbuf, whole);
    if (found === undefined) return -ERRNO.EFAULT;
    if (bufflen === 0 || (sizeClass >= 0 && whole < this.pool.lengthOf(sizeClass))) {
      return -ERRNO.ENOMEM;
    }
    view.out.cmdH = 0;
    if (sizeClass < 0) {
      // Too big to be kept.
      this.#owner.bufferReleased(DataBuffer.of(found, pbuf, whole, UNCACHED, this.#owner));
      return 0;
    }
    const buffer = DataBuffer.of(found, pbuf, whole, sizeClass, this.#owner);
    this.pool.adopt(buffer);
    this.pool.give(buffer);
    return 0;
  }

  /** A command does not need the buffer any longer. */
  release(buffer: DataBuffer): void {
    const { owner } = buffer;
    if (buffer.sizeClass >= 0) {
      // Another device's handler may have gone while this one's command had its buffer.
      if (owner === undefined || owner.gone) this.pool.drop(buffer);
      else this.pool.give(buffer);
    } else if (buffer.sizeClass === UNCACHED) {
      owner?.bufferReleased(buffer);
    }
  }

  /** The handler is gone. */
  close(): void {
    this.#lease.close(this.#owner);
  }
}

/** Whether the core keeps buffers of commands that go this way. Both ways is neither. */
export function reuses({ dataDirection }: Command, memoryReuseType: number): boolean {
  switch (memoryReuseType) {
    case SCST_USER_MEM_REUSE_ALL:
      return true;
    case SCST_USER_MEM_REUSE_READ:
      return dataDirection === SCST_DATA_READ;
    case SCST_USER_MEM_REUSE_WRITE:
      return dataDirection === SCST_DATA_WRITE;
    default:
      return false;
  }
}

/** Data that go both ways lie in one buffer: data-out begins on a page of its own. */
function lengthOf({ dataDirection, bufferLength, outBufferLength }: Command): number {
  if (dataDirection !== SCST_DATA_BIDI) return bufferLength;
  return pagesOf(bufferLength) + outBufferLength;
}
