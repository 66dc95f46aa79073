import { join } from "node:path";

import {
  changer,
  type Core,
  createCore,
  folderStateStore,
  IscsiServer,
  type LogEntry,
  loopbackChannel,
  registerDevice,
  type RegisteredDevice,
  tape,
  type TapeDrive,
} from "scst-user";

import { chapFrom } from "../support/chap.ts";
import { administer } from "./admin.ts";
import { listenForOperators } from "./control.ts";
import { OperatedLibrary, type Tell } from "./library.ts";
import { lockLibrary } from "./lock.ts";
import type { ServeOptions } from "./options.ts";

/** A library behind one target: the changer is LUN 0, the drives LUN 1 and on. */
export class ServedLibrary {
  readonly #operated: OperatedLibrary;
  readonly #options: ServeOptions;
  readonly #tell: Tell;
  readonly #core: Core;
  readonly #server: IscsiServer;
  readonly #devices: RegisteredDevice[] = [];
  readonly #unlock: () => void;
  #stopOperators: (() => Promise<void>) | undefined;

  /** @throws UsageError what is wrong with the library, or another program has it */
  static async open(options: ServeOptions, tell: Tell): Promise<ServedLibrary> {
    const unlock = await lockLibrary(options.folder);
    try {
      return new ServedLibrary(options, tell, unlock);
    } catch (error) {
      unlock();
      throw error;
    }
  }

  /** Use {@link ServedLibrary.open}. */
  constructor(options: ServeOptions, tell: Tell, unlock: () => void) {
    this.#options = options;
    this.#tell = tell;
    this.#unlock = unlock;
    this.#operated = new OperatedLibrary(options.folder);
    this.#core = createCore({
      log: (entry) => this.#log(entry),
      stateStore: folderStateStore(join(options.folder, "state")),
    });
    this.#server = new IscsiServer(this.#core, { chap: chapFrom("--chap", options.chap, tell) });
  }

  /** Loads what the drives had, and listens. Returns a line for each logical unit. */
  async start(): Promise<string[]> {
    const { library, description } = this.#operated;
    const { vendor, product, revision, serial, naa, iqn } = description;
    const robot = changer(library, {
      name: description.name,
      vendor,
      product,
      revision,
      serial,
      ...(naa === undefined ? {} : { naa }),
      faulty: ({ medium, address }, cause) => {
        this.#tell(`cartridge ${medium?.barcode} in element ${address}: ${String(cause)}`);
      },
    });
    await this.#register("changer", robot);
    const drives: TapeDrive[] = [];
    for (const [index, options] of description.drives.entries()) {
      const name = `drive${index + 1}`;
      const drive = tape({ name, ...options });
      await this.#register(name, drive);
      drives.push(drive);
    }
    await library.start(drives);
    const names = ["changer", ...drives.map((_, index) => `drive${index + 1}`)];
    this.#server.export({ iqn, luns: names.map((name, lun) => [lun, name]) });
    const { host, port } = this.#options.iscsi;
    const address = await this.#server.listen({ host, port });
    this.#stopOperators = await listenForOperators(this.#options.folder, (request) =>
      administer(this.#operated, request),
    );
    const portal = `${host.includes(":") ? `[${host}]` : host}:${address.port}`;
    return names.map((name, lun) => {
      const unit = drives[lun - 1]?.identity ?? { vendor, product, serial };
      return `${name}  ${unit.vendor} ${unit.product} ${unit.serial}  iscsi://${portal}/${iqn}/${lun}`;
    });
  }

  /** Ends the sessions, then flushes and closes every cartridge, also if one of them fails. */
  async stop(): Promise<void> {
    const first = await Promise.allSettled([this.#stopOperators?.(), this.#server.close()]);
    const devices = await Promise.allSettled(this.#devices.map((device) => device.close()));
    this.#unlock();
    const failed = [...first, ...devices].find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #register(name: string, handler: Parameters<typeof registerDevice>[2]): Promise<void> {
    const device = await registerDevice(loopbackChannel(this.#core), name, handler, {
      report: (code, message) => this.#tell(`${name}: ${message} (${code})`),
    });
    this.#devices.push(device);
  }

  #log({ level, message, code }: LogEntry): void {
    if (level === "warning" || level === "error") this.#tell(`${level}: ${message} (${code})`);
  }
}
