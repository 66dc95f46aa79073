export {
  address,
  bytes,
  cString,
  type Field,
  handle,
  s16,
  s32,
  s64,
  u8,
  u16,
  u32,
  u64,
} from "./field.ts";
export { io, ior, iow, iowr } from "./ioctl.ts";
export { type Fields, Layout, type PlacedField, type ValuesOf, type ViewOf } from "./layout.ts";
export { nest, struct, union } from "./struct.ts";
export { View } from "./view.ts";
export { ascii, bits, byte, flag, octets, opaque64, uint, wire, type WireField } from "./wire.ts";
