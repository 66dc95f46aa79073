import {
  createCore,
  type DeviceHandler,
  IscsiServer,
  type KernelScst,
  loopbackChannel,
  NbdServer,
  registerDevice,
  serveFromKernel,
} from "scst-user";

import { kernelLines, type KernelOptions } from "../support/kernel.ts";
import type { Address, Options } from "./options.ts";

/** How a disk is reached. */
export interface Front {
  /** A line each. */
  readonly lines: readonly string[];
  /** Ends that, and closes the disk. */
  stop(): Promise<void>;
}

type Tell = (line: string) => void;

/** By iSCSI, NBD or both, from this process. */
export async function networkFront(
  name: string,
  handler: DeviceHandler,
  { iscsi, nbd }: Pick<Options, "iscsi" | "nbd">,
  tell: Tell,
): Promise<Front> {
  const core = createCore({
    log: ({ level, message }) => {
      if (level === "warning" || level === "error") tell(`${level}: ${message}`);
    },
  });
  const device = await registerDevice(loopbackChannel(core), name, handler, {
    report: (code, message) => tell(`${message} (${code})`),
  });
  const stops = [() => device.close()];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  const lines: string[] = [];
  try {
    if (iscsi !== undefined && "host" in iscsi) {
      const server = new IscsiServer(core);
      stops.push(() => server.close());
      const iqn = `iqn.2026-11.io.scst-user:${name.toLowerCase()}`;
      server.export({ iqn, luns: [[0, name]] });
      const { port } = await server.listen(iscsi);
      lines.push(`${name}  iscsi://${hostOf(iscsi.host)}:${port}/${iqn}/0`);
    }
    if (nbd !== undefined) {
      const server = new NbdServer(core);
      stops.push(() => server.close());
      server.target.addLun(0, name);
      lines.push(`${name}  ${nbdUri((await server.listen(nbd)) as Address, name)}`);
    }
    return { lines, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** From the kernel's SCST, by whatever target drivers that has. */
export async function kernelFront(
  name: string,
  handler: DeviceHandler,
  { place }: KernelOptions,
  tell: Tell,
  scst: KernelScst,
): Promise<Front> {
  const served = await serveFromKernel(name, handler, {
    place,
    scst,
    report: (code, message) => tell(`${message} (${code})`),
  });
  return { lines: kernelLines(name, served), stop: served.stop };
}

function nbdUri(address: Address, name: string): string {
  if ("path" in address) return `nbd+unix:///${name}?socket=${address.path}`;
  return `nbd://${hostOf(address.host)}:${address.port}/${name}`;
}

function hostOf(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
