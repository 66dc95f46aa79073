import { ERRNO } from "../../protocol/errno.ts";
import * as abi from "./io-uring-abi.ts";
import { isMapped, type Libc } from "./libc.ts";

const PROT_READ_WRITE = 0x3;
const MAP_SHARED = 0x01;
const MAP_POPULATE = 0x8000;
const EFD_CLOEXEC_NONBLOCK = 0x8_0000 | 0x800;
const WORD = 4;

/** Without these a ring is more trouble than a thread pool. */
const FEATURES = abi.IORING_FEAT_SINGLE_MMAP | abi.IORING_FEAT_NODROP | abi.IORING_FEAT_RW_CUR_POS;

/**
 * What this thread alone submits needs no lock, and completions are worked out when they are
 * asked for instead of by an interrupt of this thread: from Linux 6.1.
 */
const SETUP_FLAGS = [
  abi.IORING_SETUP_SINGLE_ISSUER | abi.IORING_SETUP_DEFER_TASKRUN | abi.IORING_SETUP_TASKRUN_FLAG,
  0,
] as const;

/** A ring in this process's memory. Places (`…At`) are indexes of 32-bit words. */
export interface Ring {
  readonly fd: number;
  /** Readable when there is something to collect. */
  readonly eventFd: number;
  /** The ring of submissions, and that of completions: the same memory. */
  readonly sq: Int32Array;
  readonly cq: Int32Array;
  readonly sqes: Int32Array;
  readonly sqTailAt: number;
  readonly sqMask: number;
  readonly sqFlagsAt: number;
  readonly cqHeadAt: number;
  readonly cqTailAt: number;
  readonly cqMask: number;
  /** Undefined where the kernel has no such flags: before 5.8. */
  readonly cqFlagsAt: number | undefined;
  readonly cqesAt: number;
  /** Whether waiting can have a timeout. */
  readonly waitsWithTimeout: boolean;
  /** A few bytes for system calls: eventfd's counter, and the argument of a wait. */
  readonly scratchAddress: number;
  readonly timeoutAddress: number;
  /** Makes the argument of a wait that lasts `seconds` at most. */
  setTimeout(timeoutAddress: number, seconds: number): void;
}

/** Sets a ring up, or gives undefined where the kernel refuses. It lasts as long as the process. */
export function mapRing(libc: Libc, entries: number): Ring | undefined {
  const params = abi.IoUringParams.view();
  const fd = setUp(libc, entries, params);
  if (fd < 0) return undefined;
  const eventFd = libc.eventfd(0, EFD_CLOEXEC_NONBLOCK);
  const ring = (params.features & FEATURES) === FEATURES && eventFd >= 0;
  const mapped = ring && register(libc, fd, eventFd) ? map(libc, fd, eventFd, params) : undefined;
  if (mapped === undefined) {
    libc.close(fd);
    if (eventFd >= 0) libc.close(eventFd);
  }
  return mapped;
}

type Params = ReturnType<typeof abi.IoUringParams.view>;

function setUp(libc: Libc, entries: number, params: Params): number {
  for (const flags of SETUP_FLAGS) {
    params.bytes.fill(0);
    params.flags = flags;
    const address = libc.addressOf(params.bytes);
    const fd = libc.syscall(abi.SYS_IO_URING_SETUP, entries, address, 0, 0, 0, 0);
    if (fd >= 0) return fd;
    if (libc.errno() !== ERRNO.EINVAL) break;
  }
  return -1;
}

function register(libc: Libc, fd: number, eventFd: number): boolean {
  const word = Int32Array.of(eventFd);
  const address = libc.addressOf(new Uint8Array(word.buffer));
  const { SYS_IO_URING_REGISTER, IORING_REGISTER_EVENTFD } = abi;
  const result = libc.syscall(SYS_IO_URING_REGISTER, fd, IORING_REGISTER_EVENTFD, address, 1, 0, 0);
  // Read here, so that the memory is still there during the call.
  return result === 0 && word[0] === eventFd;
}

function map(libc: Libc, fd: number, eventFd: number, params: Params): Ring | undefined {
  const { sqOff, cqOff, sqEntries, cqEntries } = params;
  const ringBytes = Math.max(
    sqOff.array + sqEntries * WORD,
    cqOff.cqes + cqEntries * abi.IoUringCqe.size,
  );
  const words = mapWords(libc, fd, ringBytes, abi.IORING_OFF_SQ_RING);
  const sqes = mapWords(libc, fd, sqEntries * abi.IoUringSqe.size, abi.IORING_OFF_SQES);
  if (words === undefined || sqes === undefined) return undefined;
  // The index of indexes is of no use to us: entry i stays at place i.
  for (let i = 0; i < sqEntries; i++) words[sqOff.array / WORD + i] = i;
  const scratch = new Uint8Array(abi.IoUringGeteventsArg.size + abi.KernelTimespec.size);
  const scratchAddress = libc.addressOf(scratch);
  return {
    fd,
    eventFd,
    sq: words,
    cq: words,
    sqes,
    sqTailAt: sqOff.tail / WORD,
    sqMask: sqEntries - 1,
    sqFlagsAt: sqOff.flags / WORD,
    cqHeadAt: cqOff.head / WORD,
    cqTailAt: cqOff.tail / WORD,
    cqMask: cqEntries - 1,
    cqFlagsAt: cqOff.flags === 0 ? undefined : cqOff.flags / WORD,
    cqesAt: cqOff.cqes / WORD,
    waitsWithTimeout: (params.features & abi.IORING_FEAT_EXT_ARG) !== 0,
    scratchAddress,
    timeoutAddress: scratchAddress + abi.IoUringGeteventsArg.size,
    setTimeout(timeoutAddress, seconds) {
      scratch.fill(0);
      abi.IoUringGeteventsArg.view(scratch).ts = timeoutAddress;
      abi.KernelTimespec.view(scratch, abi.IoUringGeteventsArg.size).tvSec = seconds;
    },
  };
}

function mapWords(libc: Libc, fd: number, length: number, offset: number): Int32Array | undefined {
  const flags = MAP_SHARED | MAP_POPULATE;
  const address = libc.mmap(0, length, PROT_READ_WRITE, flags, fd, offset);
  return isMapped(address) ? new Int32Array(libc.bytesAt(address, length)) : undefined;
}
