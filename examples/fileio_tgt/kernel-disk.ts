import {
  checkCondition,
  type Disk,
  disk,
  type DeviceHandler,
  type FileStore,
  fileStore,
  nullStore,
  SENSE,
} from "scst-user";

import type { DeviceSettings } from "./device-settings.ts";

/** A disk of the command line, with what is needed to make one in another thread, too. */
export interface KernelDiskSettings {
  readonly device: DeviceSettings;
  /** How initiators tell it from others. */
  readonly identifiedName: string;
  /** Whether several threads have a disk of these settings each. */
  readonly isOneOfSeveral: boolean;
}

export interface OpenDisk {
  readonly handler: Disk;
  /** Undefined with --nullio. */
  readonly file: FileStore | undefined;
}

export async function openDisk({ device, identifiedName }: KernelDiskSettings): Promise<OpenDisk> {
  const file = fileStore(device.path, device.store);
  // The buffers are this device's own: nobody's data but what was written to it is in them.
  const store = device.nullio ? nullStore(file.size, { zeroes: false }) : file;
  if (device.nullio) await file.close();
  const handler = disk(store, { name: identifiedName, ...device.disk });
  return { handler, file: device.nullio ? undefined : file };
}

/** FORMAT UNIT, MODE SELECT(6), SANITIZE, MODE SELECT(10). */
const CHANGE_THE_DISK: readonly (number | undefined)[] = [0x04, 0x15, 0x48, 0x55];

const REFUSED = checkCondition(SENSE.INVALID_OPCODE);

/**
 * The disk for one of several threads. Commands that change what the disk has in memory are not
 * there: the disks of the other threads would not hear of it.
 */
export function oneOfSeveral(served: Disk): DeviceHandler {
  return {
    type: served.type,
    blockSize: served.blockSize,
    options: served.options,
    exec: (command) => (CHANGE_THE_DISK.includes(command.cdb[0]) ? REFUSED : served.exec(command)),
    parse: (command) => served.parse(command),
    close: () => served.close(),
  };
}
