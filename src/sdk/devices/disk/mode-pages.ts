import {
  CachingModePage,
  ControlModePage,
  DisconnectReconnectModePage,
  FormatDeviceModePage,
  InformationalExceptionsControlModePage,
  MODE_PAGE,
  ModePageHeader,
  PAGE_CONTROL,
  ReadWriteErrorRecoveryModePage,
  RigidDiskGeometryModePage,
} from "../../../protocol/scsi/index.ts";
import type { DeviceOptions } from "../../handler.ts";
import type { LogicalUnit } from "./logical-unit.ts";

/** What the Control mode page tells: the core keeps to it, the disk only reports it. */
export type ControlModeBits = Required<
  Pick<
    DeviceOptions,
    | "taskSetType"
    | "queueAlgorithm"
    | "queueErrorManagement"
    | "taskAbortedStatus"
    | "softwareWriteProtect"
    | "descriptorSense"
    | "taskManagementFunctionsOnly"
  >
>;

/** PC: `PAGE_CONTROL.CURRENT`, `CHANGEABLE` or `DEFAULT`. */
export type Values = Exclude<
  (typeof PAGE_CONTROL)[keyof typeof PAGE_CONTROL],
  typeof PAGE_CONTROL.SAVED
>;

interface ModePage {
  readonly code: number;
  /** The whole page, with its head. */
  encode(unit: LogicalUnit, values: Values): Uint8Array;
}

/** Ascending, as MODE SENSE returns them. There are no subpages. */
export const MODE_PAGES: readonly ModePage[] = [
  {
    code: MODE_PAGE.READ_WRITE_ERROR_RECOVERY,
    encode: fixed(() =>
      ReadWriteErrorRecoveryModePage.encode({
        ...head(MODE_PAGE.READ_WRITE_ERROR_RECOVERY, ReadWriteErrorRecoveryModePage.size),
        awre: true,
        arre: true,
      }),
    ),
  },
  {
    code: MODE_PAGE.DISCONNECT_RECONNECT,
    encode: fixed(() =>
      DisconnectReconnectModePage.encode(
        head(MODE_PAGE.DISCONNECT_RECONNECT, DisconnectReconnectModePage.size),
      ),
    ),
  },
  { code: MODE_PAGE.FORMAT_DEVICE, encode: fixed(formatDevice) },
  { code: MODE_PAGE.RIGID_DISK_GEOMETRY, encode: fixed(geometry) },
  { code: MODE_PAGE.CACHING, encode: caching },
  { code: MODE_PAGE.CONTROL, encode: fixed(control) },
  {
    code: MODE_PAGE.INFORMATIONAL_EXCEPTIONS_CONTROL,
    encode: fixed(() =>
      // Nothing is ever predicted: reporting it is disabled.
      InformationalExceptionsControlModePage.encode({
        ...head(
          MODE_PAGE.INFORMATIONAL_EXCEPTIONS_CONTROL,
          InformationalExceptionsControlModePage.size,
        ),
        dexcpt: true,
      }),
    ),
  },
];

export function modePage(code: number): ModePage | undefined {
  return MODE_PAGES.find((page) => page.code === code);
}

function head(pageCode: number, size: number) {
  return { pageCode, pageLength: size - ModePageHeader.size };
}

/** A page of which nothing can be changed. */
function fixed(encode: (unit: LogicalUnit) => Uint8Array): ModePage["encode"] {
  return (unit, values) => {
    const page = encode(unit);
    if (values === PAGE_CONTROL.CHANGEABLE) page.fill(0, ModePageHeader.size);
    return page;
  };
}

function caching(unit: LogicalUnit, values: Values): Uint8Array {
  const whole = head(MODE_PAGE.CACHING, CachingModePage.size);
  switch (values) {
    case PAGE_CONTROL.CHANGEABLE:
      return CachingModePage.encode({ ...whole, wce: unit.writeCacheChangeable });
    case PAGE_CONTROL.DEFAULT:
      return CachingModePage.encode({ ...whole, ...prefetch, wce: unit.writeCacheDefault });
    case PAGE_CONTROL.CURRENT:
      return CachingModePage.encode({ ...whole, ...prefetch, wce: unit.writeCacheEnabled });
  }
}

/** The page cache reads ahead as it likes. */
const prefetch = {
  disablePrefetchTransferLength: 0xffff,
  maximumPrefetch: 0xffff,
  maximumPrefetchCeiling: 0xffff,
};

function control({ control: bits }: LogicalUnit): Uint8Array {
  return ControlModePage.encode({
    ...head(MODE_PAGE.CONTROL, ControlModePage.size),
    tst: bits.taskSetType,
    tmfOnly: bits.taskManagementFunctionsOnly,
    dSense: bits.descriptorSense,
    // There are no log parameters that could be saved.
    gltsd: true,
    queueAlgorithmModifier: bits.queueAlgorithm,
    qerr: bits.queueErrorManagement,
    swp: bits.softwareWriteProtect,
    tas: bits.taskAbortedStatus,
  });
}

// The geometry is made up: hosts that still ask for one want cylinders * heads * sectors to be
// about the capacity.
const HEADS = 64;
const SECTORS_PER_TRACK = 32;
const CYLINDERS_MAX = 0xff_ffff;

function formatDevice({ blockSize, removable }: LogicalUnit): Uint8Array {
  return FormatDeviceModePage.encode({
    ...head(MODE_PAGE.FORMAT_DEVICE, FormatDeviceModePage.size),
    sectorsPerTrack: SECTORS_PER_TRACK,
    // Two bytes: 64 KiB do not fit.
    dataBytesPerPhysicalSector: blockSize > 0xffff ? 0 : blockSize,
    interleave: 1,
    hsec: true,
    rmb: removable,
  });
}

function geometry({ blocks, rotationRate }: LogicalUnit): Uint8Array {
  const cylinders = Math.ceil(blocks / (HEADS * SECTORS_PER_TRACK));
  return RigidDiskGeometryModePage.encode({
    ...head(MODE_PAGE.RIGID_DISK_GEOMETRY, RigidDiskGeometryModePage.size),
    numberOfCylinders: Math.min(cylinders, CYLINDERS_MAX),
    numberOfHeads: HEADS,
    mediumRotationRate: rotationRate > 1 ? rotationRate : 0,
  });
}
