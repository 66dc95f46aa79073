import type { Channel } from "../channel/channel.ts";
import { kernelChannel } from "../channel/kernel.ts";
import { exportFromKernel, type ExportPlace, type KernelExport } from "../channel/kernel-export.ts";
import type { DeviceHandler } from "../handler.ts";
import { registerDevice, type RegisteredDevice, type RegisterOptions } from "./register-device.ts";

/** How long commands that the handler has may take at the end. */
const DRAIN_WAIT_MAX_MS = 10_000;

/** The kernel's SCST. A test has its own. */
export interface KernelScst {
  /** Opens a user device: {@link kernelChannel}. */
  readonly open?: () => Channel;
  /** SCST's folder in sysfs. */
  readonly root?: string;
}

export interface ServeFromKernelOptions extends RegisterOptions {
  /** Which LUN the device becomes; undefined for none, so that an administrator makes it one. */
  readonly place?: ExportPlace | undefined;
  readonly scst?: KernelScst;
}

/** A device of the kernel's SCST, as long as this program serves it. */
export interface KernelDevice {
  readonly device: RegisteredDevice;
  /** Undefined where it has no place. */
  readonly lun: KernelExport | undefined;
  /** Takes the LUN away, has what is under way end, and closes the device with its handler. */
  readonly stop: () => Promise<void>;
}

/**
 * Registers `handler` with the kernel's SCST as the device `name`, and makes it a LUN.
 *
 * @throws UsageError, SystemError as {@link kernelChannel}, {@link registerDevice} and
 *   {@link exportFromKernel} do; the handler is still open where it was not registered
 */
export async function serveFromKernel(
  name: string,
  handler: DeviceHandler,
  options: ServeFromKernelOptions = {},
): Promise<KernelDevice> {
  const { place, scst = {}, ...registering } = options;
  const { open = kernelChannel, root } = scst;
  const channel = open();
  let device: RegisteredDevice;
  try {
    device = await registerDevice(channel, name, handler, registering);
  } catch (error) {
    await channel.close();
    throw error;
  }
  try {
    const lun = place === undefined ? undefined : await exportFromKernel(name, place, root);
    return { device, lun, stop: () => stop(device, lun) };
  } catch (error) {
    await device.close();
    throw error;
  }
}

/** Everything is tried, whatever fails. */
async function stop(device: RegisteredDevice, lun: KernelExport | undefined): Promise<void> {
  try {
    await lun?.remove();
  } finally {
    await drained(device);
    await device.close();
  }
}

async function drained(device: RegisteredDevice): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, DRAIN_WAIT_MAX_MS);
  });
  await Promise.race([device.drain(), enough]);
  clearTimeout(timer);
}
