/** A stretch of the handler's memory. */
export interface MemorySegment {
  /** The address of the first byte. */
  readonly base: number;
  readonly bytes: Uint8Array;
}

/**
 * The memory of the program behind a user device, by its addresses: what `copy_from_user` and
 * `get_user_pages` are to the kernel.
 */
export interface UserMemory {
  /** The segment that holds all of `[address, address + length)`, or undefined: EFAULT. */
  find(address: number, length: number): MemorySegment | undefined;
}

/** Copies of `length` bytes at `address`, or undefined where they can't be read. */
export function copyFromUser(
  memory: UserMemory,
  address: number,
  length: number,
): Uint8Array | undefined {
  const segment = memory.find(address, length);
  if (segment === undefined) return undefined;
  const start = address - segment.base;
  // slice() of a Buffer would be no copy.
  return new Uint8Array(segment.bytes.subarray(start, start + length));
}
