export type { Channel } from "./channel/channel.ts";
export { loopbackChannel } from "./channel/loopback.ts";
export type { DeviceStatistics, Report } from "./device/device-loop.ts";
export {
  registerDevice,
  type RegisteredDevice,
  type RegisterOptions,
} from "./device/register-device.ts";
export * from "./handler.ts";
export * from "./outcome.ts";
export type { BlockStore } from "./storage/block-store.ts";
