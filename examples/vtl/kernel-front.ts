import {
  type Channel,
  exportCommands,
  exportFromKernel,
  type ExportPlace,
  kernelChannel,
  type KernelExport,
} from "scst-user";

import type { Front } from "./front.ts";

export interface KernelOptions {
  /** Where the changer becomes a LUN, and the drives the next ones; undefined for nowhere. */
  readonly place: ExportPlace | undefined;
}

/** What the front asks of the kernel's SCST. */
export interface Kernel {
  openChannel(): Channel;
  exportDevice(device: string, place: ExportPlace): Promise<KernelExport>;
}

const KERNEL: Kernel = { openChannel: () => kernelChannel(), exportDevice: exportFromKernel };

/** A library whose changer and drives are devices of the kernel's SCST. */
export class KernelFront implements Front {
  readonly #options: KernelOptions;
  readonly #library: string;
  readonly #kernel: Kernel;
  readonly #exports: KernelExport[] = [];

  /** @param library its name: the names of the devices begin with it */
  constructor(options: KernelOptions, library: string, kernel = KERNEL) {
    this.#options = options;
    this.#library = library;
    this.#kernel = kernel;
  }

  /** The kernel has devices of other programs as well. */
  deviceName(unit: string): string {
    return `${this.#library}-${unit}`;
  }

  openChannel(): Channel {
    return this.#kernel.openChannel();
  }

  async open(units: readonly string[]): Promise<string[]> {
    const { place } = this.#options;
    const lines: string[] = [];
    for (const [index, unit] of units.entries()) {
      const name = this.deviceName(unit);
      if (place === undefined) {
        const commands = exportCommands(name, index).map((command) => `\n  ${command}`);
        lines.push(`device ${name}, as a LUN of scst_local:${commands.join("")}`);
        continue;
      }
      const lun = place.lun === undefined ? undefined : place.lun + index;
      const exported = await this.#kernel.exportDevice(name, { ...place, lun });
      this.#exports.push(exported);
      lines.push(`device ${name}, LUN ${exported.lun} of ${exported.target}`);
    }
    return lines;
  }

  async close(): Promise<void> {
    const removed = await Promise.allSettled(this.#exports.map((lun) => lun.remove()));
    const failed = removed.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}
