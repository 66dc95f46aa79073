import type { Nexus } from "./nexus.ts";

/** LUNs below this are looked up in an array. */
const LOW_LUNS = 256;

/** The I_T_L nexuses of a session: those that there are, and those that come to their end. */
export class NexusTable {
  readonly #low: (Nexus | undefined)[] = [];
  readonly #byLun = new Map<number, Nexus>();
  readonly #leaving = new Set<Nexus>();

  at(lun: number): Nexus | undefined {
    return lun < LOW_LUNS ? this.#low[lun] : this.#byLun.get(lun);
  }

  get byLun(): ReadonlyMap<number, Nexus> {
    return this.#byLun;
  }

  /** Those whose LUN is gone while commands of theirs still run. */
  get leaving(): ReadonlySet<Nexus> {
    return this.#leaving;
  }

  add(nexus: Nexus): void {
    const { lun, device } = nexus;
    this.#byLun.set(lun, nexus);
    if (lun < LOW_LUNS) this.#low[lun] = nexus;
    device.nexuses.add(nexus);
    device.reservations.attach(nexus);
  }

  /** From now on there is nothing behind the LUN. {@link release} is to follow. */
  take(lun: number): Nexus | undefined {
    const nexus = this.#byLun.get(lun);
    if (nexus === undefined) return undefined;
    this.#byLun.delete(lun);
    if (lun < LOW_LUNS) this.#low[lun] = undefined;
    const { device } = nexus;
    device.nexuses.delete(nexus);
    device.reservations.detach(nexus);
    // Resets of the logical unit are about its commands still.
    this.#leaving.add(nexus);
    device.leaving.add(nexus);
    return nexus;
  }

  /** When the last command has ended the device is told, and hears of none after that. */
  release(nexus: Nexus): void {
    nexus.whenIdle(() => {
      this.#leaving.delete(nexus);
      nexus.device.leaving.delete(nexus);
      nexus.device.detach(nexus);
    });
  }
}
