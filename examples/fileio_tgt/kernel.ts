import {
  type Channel,
  exportCommands,
  exportFromKernel,
  exportPlace,
  kernelChannel,
  type KernelExport,
  type RegisteredDevice,
  registerDevice,
  registerThreadedDevice,
  SCST_USER_UNREGISTER_DEVICE,
} from "scst-user";

import type { DeviceSettings } from "./device-settings.ts";
import { type KernelDiskSettings, openDisk } from "./kernel-disk.ts";
import { LOOK } from "./kernel-thread.ts";
import type { KernelOptions } from "./kernel-options.ts";
import { makeFile } from "./make-file.ts";
import type { Options } from "./options.ts";
import type { Tell } from "./target.ts";

/** How long commands that the disks have may take at the end. */
const DRAIN_WAIT_MAX_MS = 10_000;

interface Served {
  readonly device: RegisteredDevice;
  /** Looks how large the file is. */
  readonly look: () => void;
  /** Undefined where threads have it. */
  readonly channel: Channel | undefined;
}

/** All devices of a command line as devices of the kernel's SCST. */
export class KernelTarget {
  readonly #options: Options;
  readonly #kernel: KernelOptions;
  readonly #tell: Tell;
  readonly #served: Served[] = [];
  readonly #exports: KernelExport[] = [];
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(options: Options, kernel: KernelOptions, tell: Tell) {
    this.#options = options;
    this.#kernel = kernel;
    this.#tell = tell;
  }

  get devices(): readonly RegisteredDevice[] {
    return this.#served.map(({ device }) => device);
  }

  /** Registers everything. Returns a line a device, and how it becomes a LUN. */
  async start(): Promise<string[]> {
    const { devices, flushSeconds, resizeSeconds } = this.#options;
    const { preallocateCount, preallocateBytes } = this.#kernel;
    for (const settings of devices) {
      const served = await this.#register(settings);
      // Before anything else can fail: `stop` closes it then.
      this.#served.push(served);
      served.device.preallocateBuffers(preallocateCount, preallocateBytes);
    }
    this.#every(flushSeconds, () => this.#flush());
    this.#every(resizeSeconds, () => this.refreshCapacity());
    const lines: string[] = [];
    for (const { name, path } of devices) lines.push(...(await this.#export(name, path)));
    return lines;
  }

  async #export(name: string, path: string): Promise<string[]> {
    const { place } = this.#kernel;
    if (place === undefined) {
      return [
        `${name}  ${path}  registered; as a LUN of scst_local:`,
        ...exportCommands(name).map((command) => `  ${command}`),
      ];
    }
    const lun = await exportFromKernel(name, exportPlace(place));
    this.#exports.push(lun);
    return [`${name}  ${path}  LUN ${lun.lun} of ${lun.target}`];
  }

  #register(device: DeviceSettings): Promise<Served> {
    const { name, path, sizeBytes } = device;
    if (sizeBytes !== undefined) makeFile(path, sizeBytes);
    const { vdiskId } = this.#options;
    const identifiedName = vdiskId === 0 ? name : `${vdiskId}:${name}`;
    const { threads, blocking } = this.#kernel;
    const settings: KernelDiskSettings = { device, identifiedName, isOneOfSeveral: threads > 1 };
    return threads > 1 || blocking ? this.#registerThreads(settings) : this.#registerHere(settings);
  }

  async #registerHere(settings: KernelDiskSettings): Promise<Served> {
    const { name } = settings.device;
    const { bufferPool, awakeTimeUsMax } = this.#kernel;
    const channel = kernelChannel({ awakeTimeUsMax });
    try {
      const { handler, file } = await openDisk(settings);
      const device = await registerDevice(channel, name, handler, {
        bufferPool,
        report: this.#report(name),
      });
      return { device, channel, look: () => file?.refreshSize() };
    } catch (error) {
      await channel.close();
      throw error;
    }
  }

  async #registerThreads(settings: KernelDiskSettings): Promise<Served> {
    const { name } = settings.device;
    const { threads, blocking, awakeTimeUsMax, bufferPool } = this.#kernel;
    const suffix = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const device = await registerThreadedDevice(name, {
      module: new URL(`./kernel-thread.${suffix}`, import.meta.url),
      data: settings,
      threads,
      blocking,
      awakeTimeUsMax,
      bufferPool,
      report: this.#report(name),
    });
    return { device, channel: undefined, look: () => device.tell(LOOK) };
  }

  #report(name: string) {
    return (code: string, message: string) => this.#tell(`${name}: ${message} (${code})`);
  }

  /** The files may have grown: looks, and tells the initiators. */
  async refreshCapacity(): Promise<void> {
    for (const { device, look } of this.#served) {
      look();
      await device.capacityChanged();
    }
  }

  async #flush(): Promise<void> {
    for (const { device } of this.#served) await device.flushCache();
  }

  #every(seconds: number, action: () => Promise<void>): void {
    if (seconds === 0) return;
    let isUnderWay = false;
    const act = () => {
      // What waits for commands may take longer than that.
      if (isUnderWay) return;
      isUnderWay = true;
      void action()
        .catch((error: unknown) => this.#tell((error as Error).message))
        .finally(() => {
          isUnderWay = false;
        });
    };
    this.#timers.push(setInterval(act, seconds * 1000).unref());
  }

  /** Takes the LUNs away, has what is under way end, and closes every device. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    const removed = await Promise.allSettled(this.#exports.map((lun) => lun.remove()));
    const closed = await Promise.allSettled(this.#served.map((served) => this.#close(served)));
    const failed = [...removed, ...closed].find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #close({ device, channel }: Served): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, DRAIN_WAIT_MAX_MS);
    });
    await Promise.race([device.drain(), enough]);
    clearTimeout(timer);
    if (this.#kernel.unregister) channel?.ioctl(SCST_USER_UNREGISTER_DEVICE, 0);
    await device.close();
  }
}
