import {
  type DeviceHandler,
  type ExportPlace,
  type KernelDevice,
  type KernelScst,
  serveFromKernel,
} from "scst-user";

import { kernelLines } from "../support/kernel.ts";
import { allInTurn, type Front, type Served, type Tell } from "./front.ts";

/** Devices of the kernel's SCST, which its target drivers make LUNs. */
export class KernelFront implements Front {
  readonly #place: ExportPlace | undefined;
  readonly #tell: Tell;
  readonly #scst: KernelScst;
  readonly #served: KernelDevice[] = [];

  constructor(place: ExportPlace | undefined, tell: Tell, scst: KernelScst) {
    this.#place = place;
    this.#tell = tell;
    this.#scst = scst;
  }

  async add(name: string, handler: DeviceHandler): Promise<Served> {
    const index = this.#served.length;
    // The LUN that is asked for is the disk's; a snapshot gets a free one of the same target.
    const place = this.#place && (index === 0 ? this.#place : { ...this.#place, lun: undefined });
    const served = await serveFromKernel(name, handler, {
      place,
      scst: this.#scst,
      report: (code, message) => this.#tell(`${name}: ${message} (${code})`),
    });
    this.#served.push(served);
    const remove = async () => {
      this.#served.splice(this.#served.indexOf(served), 1);
      await served.stop();
    };
    return { lun: served.lun?.lun, ways: () => kernelLines(name, served, index), remove };
  }

  /** SCST's targets are the administrator's to switch on. */
  async listen(): Promise<void> {}

  async stop(): Promise<void> {
    await allInTurn(this.#served.toReversed().map((served) => () => served.stop()));
  }
}
