import { changer, registerDevice, type RegisteredDevice, tape, type TapeDrive } from "scst-user";

import { administer } from "./admin.ts";
import { listenForOperators } from "./control.ts";
import type { Front } from "./front.ts";
import { IscsiFront } from "./iscsi-front.ts";
import { KernelFront } from "./kernel-front.ts";
import { OperatedLibrary, type Tell } from "./library.ts";
import { lockLibrary } from "./lock.ts";
import type { ServeOptions } from "./options.ts";

/** How long commands that the devices have may take at the end. */
const DRAIN_WAIT_MAX_MS = 10_000;

/** How a library gets to its hosts; `frontFor` unless a test has another way. */
type MakeFront = (options: ServeOptions, operated: OperatedLibrary, tell: Tell) => Front;

/** A library that is served: the changer is LUN 0, the drives LUN 1 and on. */
export class ServedLibrary {
  readonly #operated: OperatedLibrary;
  readonly #tell: Tell;
  readonly #front: Front;
  readonly #devices: RegisteredDevice[] = [];
  readonly #unlock: () => void;
  #stopOperators: (() => Promise<void>) | undefined;

  /** @throws UsageError what is wrong with the library, or another program has it */
  static async open(
    options: ServeOptions,
    tell: Tell,
    makeFront: MakeFront = frontFor,
  ): Promise<ServedLibrary> {
    const unlock = await lockLibrary(options.folder);
    try {
      const operated = new OperatedLibrary(options.folder, { served: true });
      return new ServedLibrary(operated, makeFront(options, operated, tell), tell, unlock);
    } catch (error) {
      unlock();
      throw error;
    }
  }

  /** Use {@link ServedLibrary.open}. */
  constructor(operated: OperatedLibrary, front: Front, tell: Tell, unlock: () => void) {
    this.#operated = operated;
    this.#front = front;
    this.#tell = tell;
    this.#unlock = unlock;
  }

  /** Loads what the drives had, and opens the front. Returns a line for each logical unit. */
  async start(): Promise<string[]> {
    const { library, description, folder } = this.#operated;
    const { vendor, product, revision, serial, naa } = description;
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
    const units = ["changer", ...drives.map((_, index) => `drive${index + 1}`)];
    const places = await this.#front.open(units);
    this.#stopOperators = await listenForOperators(folder, (request) =>
      administer(this.#operated, request),
    );
    return units.map((unit, lun) => {
      const identity = drives[lun - 1]?.identity ?? { vendor, product, serial };
      const { vendor: by, product: model, serial: number } = identity;
      return `${unit}  ${by} ${model} ${number}  ${places[lun]}`;
    });
  }

  /** Closes the front, then flushes and closes every cartridge, also if one of them fails. */
  async stop(): Promise<void> {
    const first = await Promise.allSettled([this.#stopOperators?.(), this.#front.close()]);
    const devices = await Promise.allSettled(this.#devices.map(closeDevice));
    this.#unlock();
    const failed = [...first, ...devices].find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #register(unit: string, handler: Parameters<typeof registerDevice>[2]): Promise<void> {
    const channel = this.#front.openChannel();
    try {
      const device = await registerDevice(channel, this.#front.deviceName(unit), handler, {
        report: (code, message) => this.#tell(`${unit}: ${message} (${code})`),
      });
      this.#devices.push(device);
    } catch (error) {
      await channel.close();
      throw error;
    }
  }
}

function frontFor(options: ServeOptions, { folder, description }: OperatedLibrary, tell: Tell) {
  const { name, iqn } = description;
  return options.iscsi === undefined
    ? new KernelFront(options.kernel, name)
    : new IscsiFront(options.iscsi, folder, iqn, tell);
}

async function closeDevice(device: RegisteredDevice): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, DRAIN_WAIT_MAX_MS);
  });
  await Promise.race([device.drain(), enough]);
  clearTimeout(timer);
  await device.close();
}
