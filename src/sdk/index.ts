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
export {
  type KernelDevice,
  type KernelScst,
  serveFromKernel,
  type ServeFromKernelOptions,
} from "./device/serve-from-kernel.ts";
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
export { readSimhTape, writeSimhTape } from "./devices/tape/simh-tape.ts";
export {
  type Progress,
  type TapeContents,
  type VerifiedTape,
  verifyTape,
} from "./devices/tape/tape-contents.ts";
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
export { encryptedStore, type EncryptedStoreOptions } from "./storage/filters/encrypted-store.ts";
export type { AesXtsImplementation } from "./storage/filters/aes-xts.ts";
export type { StoreClock } from "./storage/filters/clock.ts";
export { type Fault, faultyStore } from "./storage/filters/faulty-store.ts";
export {
  filterStore,
  type FilterParts,
  type Intercept,
  interceptedStore,
  type StoreCall,
  type StoreCallKind,
} from "./storage/filters/filter.ts";
export { loggedStore, type StoreLogEntry } from "./storage/filters/logged-store.ts";
export {
  type MeasuredStore,
  measuredStore,
  type StoreCallStatistics,
  type StoreStatistics,
} from "./storage/filters/measured-store.ts";
export { type RateLimits, rateLimitedStore } from "./storage/filters/rate-limited-store.ts";
export { writeProtectedStore } from "./storage/filters/write-protected-store.ts";
export { LUKS2_LIMITS } from "./storage/luks2/check-metadata.ts";
export {
  formatLuks2,
  LUKS2_HEADER_BYTES,
  type Luks2FormatOptions,
} from "./storage/luks2/format.ts";
export type { Header as Luks2Header } from "./storage/luks2/header.ts";
export type { KdfOptions } from "./storage/luks2/kdf.ts";
export { type Luks2, openLuks2 } from "./storage/luks2/luks2.ts";
export type { Metadata as Luks2Metadata } from "./storage/luks2/metadata.ts";
export { type FileStore, fileStore, type FileStoreOptions } from "./storage/file-store.ts";
export { type FolderStateStore, folderStateStore } from "./storage/folder-state-store.ts";
export { cartridgeFolder, libraryFolder } from "./storage/library-folder.ts";
export { type MemoryStore, memoryStore, type MemoryStoreOptions } from "./storage/memory-store.ts";
export { nullStore, type NullStoreOptions } from "./storage/null-store.ts";
export { createQcow2, type CreateQcow2Options } from "./storage/qcow2/create.ts";
export type { BackingName } from "./storage/qcow2/header.ts";
export type { ImageHost } from "./storage/qcow2/host-file.ts";
export { openQcow2, type OpenQcow2Options } from "./storage/qcow2/open-image.ts";
export { createQcow2File, type Qcow2FileOptions, qcow2Store } from "./storage/qcow2/qcow2-file.ts";
export type { Qcow2Store, SnapshotInfo } from "./storage/qcow2/qcow2-store.ts";
