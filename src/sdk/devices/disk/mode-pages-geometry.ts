import {
  FormatDeviceModePage,
  MODE_PAGE,
  RigidDiskGeometryModePage,
} from "../../../protocol/scsi/index.ts";
import { pageHead } from "./mode-page-head.ts";
import type { ModePage } from "./mode-parameters.ts";

// The geometry is made up: hosts that still ask for one want cylinders * heads * sectors to be
// about the capacity.
const HEADS = 64;
const SECTORS_PER_TRACK = 32;
const CYLINDERS_MAX = 0xff_ffff;

/** Obsolete since SBC-3, and asked for all the same. */
export const formatDevicePage: ModePage = {
  code: MODE_PAGE.FORMAT_DEVICE,
  subpage: 0,
  encode: ({ blockSize, settings }) =>
    FormatDeviceModePage.encode({
      ...pageHead(MODE_PAGE.FORMAT_DEVICE, FormatDeviceModePage.size),
      sectorsPerTrack: SECTORS_PER_TRACK,
      // Two bytes: 64 KiB do not fit.
      dataBytesPerPhysicalSector: blockSize > 0xffff ? 0 : blockSize,
      interleave: 1,
      hsec: true,
      rmb: settings.removable,
    }),
};

/** Obsolete since SBC-3, and asked for all the same. */
export const rigidDiskGeometryPage: ModePage = {
  code: MODE_PAGE.RIGID_DISK_GEOMETRY,
  subpage: 0,
  encode: ({ blocks, settings: { rotationRate } }) => {
    const cylinders = Math.ceil(blocks / (HEADS * SECTORS_PER_TRACK));
    return RigidDiskGeometryModePage.encode({
      ...pageHead(MODE_PAGE.RIGID_DISK_GEOMETRY, RigidDiskGeometryModePage.size),
      numberOfCylinders: Math.min(cylinders, CYLINDERS_MAX),
      numberOfHeads: HEADS,
      mediumRotationRate: rotationRate > 1 ? rotationRate : 0,
    });
  },
};
