/** Peripheral device types (SPC-5, "PERIPHERAL DEVICE TYPE field"). */
export const DEVICE_TYPE = {
  /** Direct access block device (SBC). */
  DISK: 0x00,
  /** Sequential access device (SSC). */
  TAPE: 0x01,
  PRINTER: 0x02,
  PROCESSOR: 0x03,
  WORM: 0x04,
  /** CD, DVD and BD devices (MMC). */
  CDROM: 0x05,
  SCANNER: 0x06,
  /** Optical memory device. */
  MO: 0x07,
  /** Media changer (SMC). */
  CHANGER: 0x08,
  COMMUNICATIONS: 0x09,
  /** Storage array controller (SCC-2). */
  RAID: 0x0c,
  ENCLOSURE: 0x0d,
  /** Simplified direct access device (RBC). */
  RBC: 0x0e,
  OPTICAL_CARD: 0x0f,
  BRIDGE: 0x10,
  OBJECT_STORAGE: 0x11,
  AUTOMATION_DRIVE_INTERFACE: 0x12,
  SECURITY_MANAGER: 0x13,
  ZONED_DISK: 0x14,
  WELL_KNOWN_LOGICAL_UNIT: 0x1e,
  /** Unknown, or no device. */
  NO_DEVICE: 0x1f,
} as const;

export type DeviceType = (typeof DEVICE_TYPE)[keyof typeof DEVICE_TYPE];

/** The field has five bits. */
export const DEVICE_TYPE_COUNT = 32;

const names = new Map<number, string>(
  Object.entries(DEVICE_TYPE).map(([name, type]) => [
    type,
    name.toLowerCase().replaceAll("_", " "),
  ]),
);

/** The name of a peripheral device type, for logs. */
export function deviceTypeName(type: number): string {
  return names.get(type) ?? `device type ${type}`;
}

/** What a command may take, in seconds, by SCST's timeout flags. */
export interface Timeouts {
  readonly regular: number;
  readonly small: number;
  readonly long: number;
}

const disk: Timeouts = { regular: 60, small: 10, long: 3600 };
const removable: Timeouts = { regular: 900, small: 3, long: 14_000 };
const controller: Timeouts = { regular: 3, small: 3, long: 14_000 };
const other: Timeouts = { regular: 30, small: 30, long: 30 };

/** The timeouts that SCST gives the commands of a device type. */
export function timeoutsOf(type: number): Timeouts {
  switch (type) {
    case DEVICE_TYPE.DISK:
      return disk;
    case DEVICE_TYPE.TAPE:
    case DEVICE_TYPE.CDROM:
    case DEVICE_TYPE.MO:
      return removable;
    case DEVICE_TYPE.PROCESSOR:
    case DEVICE_TYPE.CHANGER:
    case DEVICE_TYPE.RAID:
      return controller;
    default:
      return other;
  }
}
