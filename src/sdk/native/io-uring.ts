import { ERRNO } from "../../protocol/errno.ts";
import * as abi from "./io-uring-abi.ts";
import { mapRing, type Ring } from "./io-uring-memory.ts";
import { type Done, type Libc, loadLibc, type Poll } from "./libc.ts";

/** Operations that the kernel has at a time; what comes on top waits here for its turn. */
const IN_FLIGHT_MAX = 128;
/** How often one turn of the event loop hands over and collects, before others get theirs. */
const ROUNDS_MAX = 4;
/** How long an exit waits for what the kernel still writes into this process's memory. */
const EXIT_WAIT_SECONDS = 1;

const WORD = 4;
const SQE_WORDS = abi.IoUringSqe.size / WORD;
const CQE_WORDS = abi.IoUringCqe.size / WORD;
const SQE = {
  FD: abi.IoUringSqe.offsetOf("fd") / WORD,
  OFF: abi.IoUringSqe.offsetOf("off") / WORD,
  ADDR: abi.IoUringSqe.offsetOf("addr") / WORD,
  LEN: abi.IoUringSqe.offsetOf("len") / WORD,
  RW_FLAGS: abi.IoUringSqe.offsetOf("rwFlags") / WORD,
  USER_DATA: abi.IoUringSqe.offsetOf("userData") / WORD,
} as const;
const CQE_RES = abi.IoUringCqe.offsetOf("res") / WORD;
const HIGH_WORD = 0x1_0000_0000;

let shared: IoUring | null | undefined;

/**
 * This thread's io_uring, or undefined where there is none to be had: koffi is missing, the
 * kernel is older than 5.6, or the machine refuses it (a container's seccomp filter,
 * `kernel.io_uring_disabled`).
 */
export function loadIoUring(): IoUring | undefined {
  if (shared === undefined) {
    const libc = loadLibc();
    const ring = libc === undefined ? undefined : mapRing(libc, IN_FLIGHT_MAX);
    shared = libc === undefined || ring === undefined ? null : new IoUring(libc, ring);
  }
  return shared ?? undefined;
}

/**
 * Reads, writes and flushes of many files at once, through one pair of rings a thread: what is
 * started in one turn of the event loop goes to the kernel in one system call.
 *
 * A buffer is referenced here from its start until the kernel is done with it. The ring keeps the
 * process alive only while something is under way.
 */
export class IoUring {
  readonly #libc: Libc;
  readonly #ring: Ring;
  readonly #poll: Poll;
  /** By the operation's number, which the kernel gives back with its result. */
  readonly #done: (Done | undefined)[] = new Array<undefined>(IN_FLIGHT_MAX).fill(undefined);
  readonly #buffers: (Uint8Array | undefined)[] = new Array<undefined>(IN_FLIGHT_MAX).fill(
    undefined,
  );
  readonly #free = Int32Array.from({ length: IN_FLIGHT_MAX }, (_, index) => index);
  #freeCount = IN_FLIGHT_MAX;
  #sqTail = 0;
  #cqHead = 0;
  #toSubmit = 0;
  #scheduled = false;
  /** What waits for a free number. */
  #waiting: (() => void)[] = [];

  /** Use {@link loadIoUring}. */
  constructor(libc: Libc, ring: Ring) {
    this.#libc = libc;
    this.#ring = ring;
    this.#poll = libc.whenReadable(ring.eventFd, () => this.#readable());
    this.#poll.hold(false);
    process.on("exit", () => {
      // Else the event loop's own end calls into JavaScript, which is over, and aborts.
      this.#poll.stop();
      this.#drain();
    });
  }

  /** Fills `buffer` from `offset` of the file. `done` gets how many bytes, or a negative errno. */
  read(fd: number, buffer: Uint8Array, offset: number, done: Done): void {
    this.#start(abi.IORING_OP_READ, fd, buffer, offset, 0, done);
  }

  /** Writes `buffer`; with `durable` its bytes are on the medium when it is done. */
  write(fd: number, buffer: Uint8Array, offset: number, durable: boolean, done: Done): void {
    this.#start(abi.IORING_OP_WRITE, fd, buffer, offset, durable ? abi.RWF_DSYNC : 0, done);
  }

  /** fdatasync. */
  sync(fd: number, done: Done): void {
    this.#start(abi.IORING_OP_FSYNC, fd, undefined, 0, abi.IORING_FSYNC_DATASYNC, done);
  }

  #start(
    opcode: number,
    fd: number,
    buffer: Uint8Array | undefined,
    offset: number,
    flags: number,
    done: Done,
  ): void {
    if (this.#freeCount === 0) {
      this.#waiting.push(() => this.#start(opcode, fd, buffer, offset, flags, done));
      return;
    }
    if (this.#freeCount === IN_FLIGHT_MAX) this.#poll.hold(true);
    const number = this.#free[--this.#freeCount] as number;
    this.#done[number] = done;
    this.#buffers[number] = buffer;
    // There is an entry free: the ring has one for each number.
    const { sqes, sqMask } = this.#ring;
    const at = (this.#sqTail & sqMask) * SQE_WORDS;
    sqes.fill(0, at, at + SQE_WORDS);
    sqes[at] = opcode;
    sqes[at + SQE.FD] = fd;
    sqes[at + SQE.OFF] = offset;
    sqes[at + SQE.OFF + 1] = offset / HIGH_WORD;
    if (buffer !== undefined) {
      const address = this.#libc.addressOf(buffer);
      sqes[at + SQE.ADDR] = address;
      sqes[at + SQE.ADDR + 1] = address / HIGH_WORD;
      sqes[at + SQE.LEN] = buffer.length;
    }
    sqes[at + SQE.RW_FLAGS] = flags;
    sqes[at + SQE.USER_DATA] = number;
    this.#sqTail = (this.#sqTail + 1) | 0;
    this.#toSubmit++;
    this.#schedule();
  }

  /** Behind everything that this turn of the event loop starts. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #readable(): void {
    const { eventFd, scratchAddress } = this.#ring;
    this.#libc.read(eventFd, scratchAddress, 8);
    this.#pump();
  }

  #pump(): void {
    // What comes to an end now is collected now: no other turn of the event loop is needed for it.
    this.#wakeOnCompletion(false);
    try {
      for (let round = 0; round < ROUNDS_MAX; round++) {
        this.#enter(0, abi.IORING_ENTER_GETEVENTS, 0, 0);
        this.#collect();
        if (this.#toSubmit === 0) break;
      }
    } finally {
      this.#wakeOnCompletion(true);
      if (this.#toSubmit > 0 || this.#hasCompletions()) this.#schedule();
    }
  }

  #wakeOnCompletion(wanted: boolean): void {
    const { cq, cqFlagsAt } = this.#ring;
    if (cqFlagsAt === undefined) return;
    Atomics.store(cq, cqFlagsAt, wanted ? 0 : abi.IORING_CQ_EVENTFD_DISABLED);
  }

  /** Asked for after the wake-ups are on again: what came before that wakes nobody. */
  #hasCompletions(): boolean {
    const { sq, sqFlagsAt, cq, cqTailAt } = this.#ring;
    const flags = abi.IORING_SQ_TASKRUN | abi.IORING_SQ_CQ_OVERFLOW;
    return (
      (Atomics.load(sq, sqFlagsAt) & flags) !== 0 || Atomics.load(cq, cqTailAt) !== this.#cqHead
    );
  }

  /** Hands over what is new, and has the kernel finish what it can. */
  #enter(minComplete: number, flags: number, argument: number, argumentLength: number): void {
    const { sq, sqTailAt, fd } = this.#ring;
    Atomics.store(sq, sqTailAt, this.#sqTail);
    const submitted = this.#libc.syscall(
      abi.SYS_IO_URING_ENTER,
      fd,
      this.#toSubmit,
      minComplete,
      flags,
      argument,
      argumentLength,
    );
    if (submitted >= 0) {
      this.#toSubmit -= submitted;
      return;
    }
    const errno = this.#libc.errno();
    const passes = [ERRNO.EAGAIN, ERRNO.EBUSY, ERRNO.EINTR] as readonly number[];
    // Short of memory, or of room for completions: what is left is tried again.
    if (!passes.includes(errno)) this.#refuse(errno);
  }

  /** The kernel takes none of the new entries: they are taken back, and their owners told. */
  #refuse(errno: number): void {
    const { sqes, sqMask, sq, sqTailAt } = this.#ring;
    const first = (this.#sqTail - this.#toSubmit) | 0;
    const numbers = Array.from({ length: this.#toSubmit }, (_, index) => {
      return sqes[((first + index) & sqMask) * SQE_WORDS + SQE.USER_DATA] as number;
    });
    this.#sqTail = first;
    this.#toSubmit = 0;
    Atomics.store(sq, sqTailAt, first);
    for (const number of numbers) this.#finish(number, -errno);
  }

  #collect(): void {
    const { cq, cqHeadAt, cqTailAt, cqMask, cqesAt } = this.#ring;
    for (;;) {
      const tail = Atomics.load(cq, cqTailAt);
      if (tail === this.#cqHead) break;
      while (this.#cqHead !== tail) {
        const at = cqesAt + (this.#cqHead & cqMask) * CQE_WORDS;
        const number = cq[at] as number;
        const result = cq[at + CQE_RES] as number;
        this.#cqHead = (this.#cqHead + 1) | 0;
        Atomics.store(cq, cqHeadAt, this.#cqHead);
        this.#finish(number, result);
      }
    }
    if (this.#freeCount === IN_FLIGHT_MAX) this.#poll.hold(false);
  }

  #finish(number: number, result: number): void {
    const done = this.#done[number] as Done;
    this.#done[number] = undefined;
    this.#buffers[number] = undefined;
    this.#free[this.#freeCount++] = number;
    done(result);
    if (this.#waiting.length > 0 && this.#freeCount > 0) this.#startWaiting();
  }

  #startWaiting(): void {
    const next = this.#waiting.splice(0, this.#freeCount);
    for (const start of next) start();
  }

  /** The process ends: its memory must not go while the kernel still reads into it. */
  #drain(): void {
    const { waitsWithTimeout, scratchAddress, timeoutAddress } = this.#ring;
    if (!waitsWithTimeout) return;
    const inFlight = IN_FLIGHT_MAX - this.#freeCount - this.#toSubmit;
    if (inFlight <= 0) return;
    const { sqTailAt, sq } = this.#ring;
    // What was not handed over yet never will be.
    this.#sqTail = (this.#sqTail - this.#toSubmit) | 0;
    this.#toSubmit = 0;
    Atomics.store(sq, sqTailAt, this.#sqTail);
    this.#ring.setTimeout(timeoutAddress, EXIT_WAIT_SECONDS);
    const flags = abi.IORING_ENTER_GETEVENTS | abi.IORING_ENTER_EXT_ARG;
    this.#enter(inFlight, flags, scratchAddress, abi.IoUringGeteventsArg.size);
  }
}
