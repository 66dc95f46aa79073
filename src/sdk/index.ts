export type { Channel } from "./channel/channel.ts";
export type { InterfaceVersion } from "./channel/interface-version.ts";
export { kernelChannel, type KernelChannelOptions } from "./channel/kernel.ts";
export {
  exportCommands,
  exportFromKernel,
  exportPlace,
  type ExportPlace,
  type KernelExport,
} from "./channel/kernel-export.ts";
export { loopbackChannel } from "./channel/loopback.ts";
export type { HandlerContext, HandlerFactory } from "./threads/device-thread-messages.ts";
export {
  registerThreadedDevice,
  type ThreadedDevice,
  type ThreadsOptions,
} from "./threads/register-threads.ts";
export type { DeviceStatistics, Report } from "./device/device-loop.ts";
export {
  type BufferPoolOptions,
  registerDevice,
  type RegisteredDevice,
  type RegisterOptions,
} from "./device/register-device.ts";
export { changer, type ChangerOptions } from "./devices/changer/changer.ts";
export type {
  Element,
  ElementLayout,
  ElementRange,
  StoredMedium,
} from "./devices/changer/element.ts";
export {
  Library,
  type LibraryDrive,
  type LibraryListener,
  type LibraryOptions,
  type LibraryStore,
  type Placed,
} from "./devices/changer/library.ts";
export { type Disk, disk, type DiskOptions } from "./devices/disk/disk.ts";
export {
  coreCommandsOf,
  type ReportedCommand,
  reportSupportedOperationCodes,
  withCoreCommands,
} from "./devices/supported-commands.ts";
export { type CartridgeSlot, tape, type TapeDrive, type TapeOptions } from "./devices/tape/tape.ts";
export { type Density, type Personality, TAPE_PERSONALITIES } from "./devices/tape/personality.ts";
export * from "./handler.ts";
export { Arena, type ArenaSegment, type ArenaSource, type Block } from "./memory/arena.ts";
export * from "./outcome.ts";
export type {
  Cartridge,
  CartridgePartition,
  PartitionSizes,
} from "./storage/cartridge/cartridge.ts";
export {
  createCartridge,
  type NewCartridge,
  openCartridge,
  readDescription,
} from "./storage/cartridge/cartridge-folder.ts";
export type { Attribute, CartridgeDescription } from "./storage/cartridge/description.ts";
export type { StoredObject } from "./storage/cartridge/partition-log.ts";
export type { BlockStore, Extent, WriteZeroesOptions } from "./storage/block-store.ts";
export { type FileStore, fileStore, type FileStoreOptions } from "./storage/file-store.ts";
export { type FolderStateStore, folderStateStore } from "./storage/folder-state-store.ts";
export { cartridgeFolder, libraryFolder } from "./storage/library-folder.ts";
export { type MemoryStore, memoryStore, type MemoryStoreOptions } from "./storage/memory-store.ts";
export { nullStore } from "./storage/null-store.ts";
