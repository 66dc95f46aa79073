import { type Koffi, loadKoffi } from "../../runtime/koffi.ts";

/** `preadv2` flag: read only what is in the page cache, and wait for nothing (linux/fs.h). */
export const RWF_NOWAIT = 0x8;

export const SEEK_END = 2;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

/** What a call on another thread gave: its result, or a negative errno. */
export type Done = (result: number) => void;

/**
 * The C library, called through koffi. Pointers are numbers: user addresses are below 2^47.
 * A call that fails gives -1 and leaves its reason in `errno()`, which is right until the next
 * call of any kind. Calls with a `done` run on Node's thread pool.
 */
export interface Libc {
  preadv2(fd: number, iovecAddress: number, count: number, offset: number, flags: number): number;
  lseek(fd: number, offset: number, whence: number): number;
  read(fd: number, address: number, length: number): number;
  close(fd: number): number;
  eventfd(initial: number, flags: number): number;
  /** A failure gives a number above 2^53: see {@link isMapped}. */
  mmap(
    address: number,
    length: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ): number | bigint;
  /** `address` must be that of a page. */
  madvise(address: number, length: number, advice: number): number;
  /** A system call by its number, for those that the C library has no function for. */
  syscall(number: number, a: number, b: number, c: number, d: number, e: number, f: number): number;
  statx(fd: number, path: number, flags: number, mask: number, statxAddress: number): number;
  fallocate(fd: number, mode: number, offset: number, length: number, done: Done): void;
  /** The same on this thread: for what takes no time. */
  fallocateNow(fd: number, mode: number, offset: number, length: number): number;
  errno(): number;
  /** Where `bytes` are in memory. They stay there as long as their ArrayBuffer lives. */
  addressOf(bytes: Uint8Array): number;
  /** Memory that was mapped, as bytes. It must stay mapped for as long as they are used. */
  bytesAt(address: number, length: number): ArrayBuffer;
  /** Calls `readable` from the event loop whenever `fd` can be read. */
  whenReadable(fd: number, readable: () => void): Poll;
}

/** A descriptor that the event loop looks at. */
export interface Poll {
  /** Whether it keeps the process alive. */
  hold(alive: boolean): void;
  /** Looks no more. It must be called before the process ends. */
  stop(): void;
}

let loaded: Libc | null | undefined;

/**
 * The C library, or undefined where koffi (an optional dependency) or the library can't be
 * loaded: everything built on it has a way to do without.
 */
export function loadLibc(): Libc | undefined {
  loaded ??= tryLoad();
  return loaded ?? undefined;
}

/** Whether `mmap` succeeded: MAP_FAILED is the largest address there is. */
export function isMapped(address: number | bigint): address is number {
  return typeof address === "number" && address > 0;
}

function tryLoad(): Libc | null {
  const ffi = loadKoffi();
  if (ffi === undefined) return null;
  try {
    return bind(ffi);
  } catch {
    return null;
  }
}

function bind(ffi: Koffi): Libc {
  // Names of the process itself: Node is linked against the C library.
  const library = ffi.load(null);
  const sync = <Name extends keyof Libc>(name: Name, result: string, parameters: string[]) =>
    library.func(name, result, parameters) as unknown as Libc[Name];
  const long = "intptr_t";
  const pointer = "uintptr_t";
  const fallocate = library.func("fallocate", "int", ["int", "int", "int64_t", "int64_t"]);
  return {
    preadv2: sync("preadv2", long, ["int", pointer, "int", "int64_t", "int"]),
    lseek: sync("lseek", "int64_t", ["int", "int64_t", "int"]),
    read: sync("read", long, ["int", pointer, "size_t"]),
    close: sync("close", "int", ["int"]),
    eventfd: sync("eventfd", "int", ["uint", "int"]),
    mmap: sync("mmap", pointer, [pointer, "size_t", "int", "int", "int", "int64_t"]),
    madvise: sync("madvise", "int", [pointer, "size_t", "int"]),
    // Variadic in C, but integers of up to 64 bits travel the same way in both.
    syscall: sync("syscall", long, [long, ...Array<string>(6).fill(pointer)]),
    statx: sync("statx", "int", ["int", pointer, "int", "uint", pointer]),
    fallocate: onThreadPool(ffi, fallocate),
    fallocateNow: fallocate,
    errno: () => ffi.errno(),
    addressOf: addressCache((bytes) => Number(ffi.address(bytes))),
    bytesAt: (address, length) => ffi.view(BigInt(address), length),
    whenReadable: (fd, readable) => poll(ffi, fd, readable),
  };
}

type NativeFunction = ReturnType<ReturnType<Koffi["load"]>["func"]>;

function onThreadPool(ffi: Koffi, call: NativeFunction) {
  return (...words: [...number[], Done]): void => {
    const done = words.pop() as Done;
    // errno is that of the call here, and nowhere later.
    call.async(...words, (error: unknown, result: number) => {
      done(error === null && result !== -1 ? result : -ffi.errno());
    });
  };
}

/** libuv's own look at a descriptor. The handle stays referenced: its end would close it. */
function poll(ffi: Koffi, fd: number, readable: () => void): Poll {
  const handle = ffi.node.poll(fd, { readable: true }, () => {
    try {
      readable();
    } catch (error) {
      // koffi would swallow it.
      setImmediate(() => {
        throw error;
      });
    }
  });
  return {
    hold: (alive) => (alive ? handle.ref() : handle.unref()),
    stop: () => handle.stop(),
  };
}

/** Asks koffi (43 ns) once an ArrayBuffer, which never moves, and adds the view's offset. */
function addressCache(ask: (bytes: Uint8Array) => number): (bytes: Uint8Array) => number {
  const bases = new WeakMap<ArrayBufferLike, number>();
  return (bytes) => {
    const memory = bytes.buffer;
    let base = bases.get(memory);
    if (base === undefined) {
      base = ask(bytes) - bytes.byteOffset;
      bases.set(memory, base);
    }
    return base + bytes.byteOffset;
  };
}
