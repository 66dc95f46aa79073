import {
  exportCommands,
  type ExportPlace,
  exportPlace,
  type KernelDevice,
  type UsageError,
} from "scst-user";

import { wrong } from "./rules.ts";

/** The kernel's SCST, and which LUN a disk becomes there. */
export interface KernelOptions {
  readonly place: ExportPlace | undefined;
}

/** What `--kernel` and `--export` say; undefined where neither is there. @throws UsageError OPTION */
export function kernelOptionsOf(
  kernel: boolean | undefined,
  place: string | undefined,
): KernelOptions | undefined {
  if (place === undefined) return kernel === true ? { place } : undefined;
  try {
    return { place: exportPlace(place) };
  } catch (error) {
    throw wrong(`--export ${(error as UsageError).message}`);
  }
}

/**
 * Where a device of the kernel's SCST is to be had, or how an administrator makes it a LUN.
 *
 * @param index which one of the program's devices it is, from 0
 */
export function kernelLines(name: string, { lun }: KernelDevice, index = 0): string[] {
  if (lun !== undefined) return [`${name}  LUN ${lun.lun} of ${lun.target}`];
  const commands = exportCommands(name, index).map((command) => `  ${command}`);
  return [`${name}  registered; as a LUN of scst_local:`, ...commands];
}
