/** What linux/io_uring.h declares, as far as it is used here, under the C names. */
import { nest, s32, struct, u8, u16, u32, u64 } from "../../protocol/layout/index.ts";

/** The same numbers on every architecture. */
export const SYS_IO_URING_SETUP = 425;
export const SYS_IO_URING_ENTER = 426;
export const SYS_IO_URING_REGISTER = 427;

export const IORING_SETUP_TASKRUN_FLAG = 1 << 9;
export const IORING_SETUP_SINGLE_ISSUER = 1 << 12;
export const IORING_SETUP_DEFER_TASKRUN = 1 << 13;

/** One mapping has both rings; completions are never lost; READ and WRITE exist (Linux 5.6). */
export const IORING_FEAT_SINGLE_MMAP = 1 << 0;
export const IORING_FEAT_NODROP = 1 << 1;
export const IORING_FEAT_RW_CUR_POS = 1 << 3;
/** A timeout can come with IORING_ENTER_EXT_ARG (Linux 5.11). */
export const IORING_FEAT_EXT_ARG = 1 << 8;

export const IORING_OFF_SQ_RING = 0;
export const IORING_OFF_SQES = 0x1000_0000;

export const IORING_ENTER_GETEVENTS = 1 << 0;
export const IORING_ENTER_EXT_ARG = 1 << 3;

/** In the submission ring's flags: an enter has completions to make, some that found no room. */
export const IORING_SQ_CQ_OVERFLOW = 1 << 1;
export const IORING_SQ_TASKRUN = 1 << 2;
/** In the completion ring's flags, where we set it: the eventfd is left alone. */
export const IORING_CQ_EVENTFD_DISABLED = 1 << 0;

export const IORING_REGISTER_EVENTFD = 4;

export const IORING_OP_FSYNC = 3;
export const IORING_OP_READ = 22;
export const IORING_OP_WRITE = 23;

export const IORING_FSYNC_DATASYNC = 1 << 0;
/** `pwritev2` flag: the data of this write is durable when it is done (linux/fs.h). */
export const RWF_DSYNC = 0x2;

const SqRingOffsets = struct("io_sqring_offsets", {
  head: u32,
  tail: u32,
  ringMask: u32,
  ringEntries: u32,
  flags: u32,
  dropped: u32,
  array: u32,
  resv1: u32,
  userAddr: u64,
});

const CqRingOffsets = struct("io_cqring_offsets", {
  head: u32,
  tail: u32,
  ringMask: u32,
  ringEntries: u32,
  overflow: u32,
  cqes: u32,
  flags: u32,
  resv1: u32,
  userAddr: u64,
});

export const IoUringParams = struct("io_uring_params", {
  sqEntries: u32,
  cqEntries: u32,
  flags: u32,
  sqThreadCpu: u32,
  sqThreadIdle: u32,
  features: u32,
  wqFd: u32,
  resv0: u32,
  resv1: u32,
  resv2: u32,
  sqOff: nest(SqRingOffsets),
  cqOff: nest(CqRingOffsets),
});

export const IoUringSqe = struct("io_uring_sqe", {
  opcode: u8,
  flags: u8,
  ioprio: u16,
  fd: s32,
  off: u64,
  addr: u64,
  len: u32,
  rwFlags: u32,
  userData: u64,
  bufIndex: u16,
  personality: u16,
  fileIndex: u32,
  addr3: u64,
  pad: u64,
});

export const IoUringCqe = struct("io_uring_cqe", { userData: u64, res: s32, flags: u32 });

export const IoUringGeteventsArg = struct("io_uring_getevents_arg", {
  sigmask: u64,
  sigmaskSz: u32,
  pad: u32,
  ts: u64,
});

export const KernelTimespec = struct("__kernel_timespec", { tvSec: u64, tvNsec: u64 });
