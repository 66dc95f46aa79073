import type { Device } from "../../core/device.ts";
import type { Target } from "../../core/target.ts";
import { DEVICE_TYPE } from "../../protocol/scsi/index.ts";

/** A logical unit as a client sees it. */
export interface NbdExport {
  /** The device's. */
  readonly name: string;
  readonly lun: number;
  readonly device: Device;
  readonly readOnly: boolean;
}

/** Devices that have blocks to read by number. */
const BLOCK_DEVICE_TYPES: ReadonlySet<number> = new Set([
  DEVICE_TYPE.DISK,
  DEVICE_TYPE.WORM,
  DEVICE_TYPE.CDROM,
  DEVICE_TYPE.MO,
]);

/** The exports of an initiator: what its group at the target has, by LUN. */
export function exportsOf(target: Target, initiatorName: string): NbdExport[] {
  if (target.closing) return [];
  return [...target.lunsFor(initiatorName)]
    .filter(([, { device }]) => BLOCK_DEVICE_TYPES.has(device.type))
    .toSorted(([a], [b]) => a - b)
    .map(([lun, { device, readOnly }]) => ({ name: device.name, lun, device, readOnly }));
}

/** The export of that name; the empty name means the one with the lowest LUN. */
export function findExport(
  target: Target,
  initiatorName: string,
  name: string,
): NbdExport | undefined {
  const all = exportsOf(target, initiatorName);
  return name === "" ? all[0] : all.find((one) => one.name === name);
}
