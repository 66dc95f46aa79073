import {
  type Core,
  createCore,
  type DeviceHandler,
  IscsiServer,
  type LogEntry,
  loopbackChannel,
  NbdServer,
  registerDevice,
  type RegisteredDevice,
  type Target,
  UsageError,
} from "scst-user";

import { allInTurn, type Front, type Served, type Tell } from "./front.ts";
import type { Address, NbdAddress } from "./options.ts";

export interface Addresses {
  readonly iscsi: Address | undefined;
  readonly nbd: NbdAddress | undefined;
}

/** LUNs 0 to 255, the ones that every initiator can address. */
const LUNS_MAX = 256;

/** LUNs of an iSCSI target, and NBD exports, both served by this process. */
export class NetworkFront implements Front {
  readonly #core: Core;
  readonly #iscsi: IscsiServer;
  readonly #nbd: NbdServer;
  readonly #targets: readonly Target[];
  readonly #addresses: Addresses;
  readonly #devices = new Map<number, RegisteredDevice>();
  /** How each server's LUNs and exports are called. */
  readonly #uris: ((lun: number, name: string) => string)[] = [];
  readonly #iqn: string;

  constructor(name: string, addresses: Addresses, tell: Tell) {
    this.#addresses = addresses;
    this.#iqn = `iqn.2026-11.io.scst-user:${name.toLowerCase().replaceAll("_", "-")}`;
    this.#core = createCore({
      log: ({ level, message, code }: LogEntry) => {
        if (level === "warning" || level === "error") tell(`${level}: ${message} (${code})`);
      },
    });
    this.#iscsi = new IscsiServer(this.#core);
    this.#nbd = new NbdServer(this.#core);
    this.#targets = [this.#iscsi.export({ iqn: this.#iqn, luns: [] }), this.#nbd.target];
  }

  async add(name: string, handler: DeviceHandler, readOnly: boolean): Promise<Served> {
    const lun = this.#freeLun();
    const device = await registerDevice(loopbackChannel(this.#core), name, handler);
    this.#devices.set(lun, device);
    for (const target of this.#targets) target.addLun(lun, name, { readOnly });
    const remove = async () => {
      this.#devices.delete(lun);
      for (const target of this.#targets) target.removeLun(lun);
      await device.close();
    };
    return { lun, ways: () => this.#uris.map((uri) => uri(lun, name)), remove };
  }

  async listen(): Promise<void> {
    const { iscsi, nbd } = this.#addresses;
    if (iscsi !== undefined) {
      const { port } = await this.#iscsi.listen(iscsi);
      this.#uris.push((lun) => `iscsi://${bracketed(iscsi.host)}:${port}/${this.#iqn}/${lun}`);
    }
    if (nbd === undefined) return;
    const address = await this.#nbd.listen(nbd);
    this.#uris.push((_lun, name) => {
      const path = encodeURIComponent(name);
      if ("path" in nbd) return `nbd+unix:///${path}?socket=${nbd.path}`;
      const port = "port" in address ? address.port : nbd.port;
      return `nbd://${bracketed(nbd.host)}:${port}/${path}`;
    });
  }

  async stop(): Promise<void> {
    const closings = [...this.#devices.values()].map((device) => () => device.close());
    await allInTurn([() => this.#iscsi.close(), () => this.#nbd.close(), ...closings.reverse()]);
  }

  #freeLun(): number {
    for (let lun = 0; lun < LUNS_MAX; lun++) if (!this.#devices.has(lun)) return lun;
    throw new UsageError("LUNS_MAX", `there are ${LUNS_MAX} LUNs already`);
  }
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
