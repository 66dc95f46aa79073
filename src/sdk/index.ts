export type { Channel } from "./channel/channel.ts";
export { loopbackChannel } from "./channel/loopback.ts";
export type { DeviceStatistics, Report } from "./device/device-loop.ts";
export {
  registerDevice,
  type RegisteredDevice,
  type RegisterOptions,
} from "./device/register-device.ts";
export { type Disk, disk, type DiskOptions } from "./devices/disk/disk.ts";
export * from "./handler.ts";
export { Arena, type ArenaSegment, type ArenaSource, type Block } from "./memory/arena.ts";
export * from "./outcome.ts";
export type { BlockStore, Extent, WriteZeroesOptions } from "./storage/block-store.ts";
export { type FileStore, fileStore, type FileStoreOptions } from "./storage/file-store.ts";
export { type FolderStateStore, folderStateStore } from "./storage/folder-state-store.ts";
export { type MemoryStore, memoryStore, type MemoryStoreOptions } from "./storage/memory-store.ts";
export { nullStore } from "./storage/null-store.ts";
