import type { Layout } from "./layout.ts";

// Linux, asm-generic/ioctl.h: two bits of direction, 14 of size, 8 of type, 8 of number.
const NONE = 0;
const WRITE = 1;
const READ = 2;

function request(direction: number, type: string, number: number, size: number): number {
  return ((direction << 30) | (size << 16) | (type.charCodeAt(0) << 8) | number) >>> 0;
}

/** `_IO`: an ioctl without an argument. */
export function io(type: string, number: number): number {
  return request(NONE, type, number, 0);
}

/** `_IOW`: user space writes the struct, the kernel reads it. */
export function iow(type: string, number: number, layout: Layout): number {
  return request(WRITE, type, number, layout.size);
}

/** `_IOR`: the kernel writes the struct, user space reads it. */
export function ior(type: string, number: number, layout: Layout): number {
  return request(READ, type, number, layout.size);
}

/** `_IOWR`: the struct goes both ways. */
export function iowr(type: string, number: number, layout: Layout): number {
  return request(READ | WRITE, type, number, layout.size);
}
