import { join } from "node:path";

import {
  type Channel,
  type Core,
  createCore,
  folderStateStore,
  IscsiServer,
  type LogEntry,
  loopbackChannel,
} from "scst-user";

import type { Address } from "./address.ts";
import { type ChapWords, chapFrom } from "../support/chap.ts";
import type { Front } from "./front.ts";
import type { Tell } from "./library.ts";

export interface IscsiOptions {
  readonly address: Address;
  readonly chap: ChapWords;
}

/** A library behind a target of our own: no kernel module. */
export class IscsiFront implements Front {
  readonly #options: IscsiOptions;
  readonly #iqn: string;
  readonly #tell: Tell;
  readonly #core: Core;
  readonly #server: IscsiServer;

  /** @param folder the library's: reservations are kept there */
  constructor(options: IscsiOptions, folder: string, iqn: string, tell: Tell) {
    this.#options = options;
    this.#iqn = iqn;
    this.#tell = tell;
    this.#core = createCore({
      log: (entry) => this.#log(entry),
      stateStore: folderStateStore(join(folder, "state")),
    });
    this.#server = new IscsiServer(this.#core, { chap: chapFrom("--chap", options.chap, tell) });
  }

  /** The core has no other devices. */
  deviceName(unit: string): string {
    return unit;
  }

  openChannel(): Channel {
    return loopbackChannel(this.#core);
  }

  async open(units: readonly string[]): Promise<string[]> {
    const iqn = this.#iqn;
    this.#server.export({ iqn, luns: units.map((unit, lun) => [lun, this.deviceName(unit)]) });
    const { host, port } = this.#options.address;
    const address = await this.#server.listen({ host, port });
    const portal = `${host.includes(":") ? `[${host}]` : host}:${address.port}`;
    return units.map((_, lun) => `iscsi://${portal}/${iqn}/${lun}`);
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  #log({ level, message, code }: LogEntry): void {
    if (level === "warning" || level === "error") this.#tell(`${level}: ${message} (${code})`);
  }
}
