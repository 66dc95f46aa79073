import { statSync } from "node:fs";

import {
  createCore,
  type Core,
  disk,
  type FileStore,
  fileStore,
  type FolderStateStore,
  folderStateStore,
  type LogEntry,
  loopbackChannel,
  nullStore,
  registerDevice,
  type RegisteredDevice,
} from "scst-user";

import type { DeviceSettings } from "./device-settings.ts";
import { IscsiFront } from "./iscsi.ts";
import { makeFile } from "./make-file.ts";
import { NbdFront } from "./nbd.ts";
import type { Options } from "./options.ts";

/** Says something to who runs the program. */
export type Tell = (message: string) => void;

/** All devices of a command line, by iSCSI, by NBD an export each. */
export class FileioTarget {
  readonly #options: Options;
  readonly #tell: Tell;
  readonly #core: Core;
  readonly #iscsi: IscsiFront;
  readonly #nbd: NbdFront | undefined;
  readonly #devices: RegisteredDevice[] = [];
  readonly #files: FileStore[] = [];
  readonly #stateStore: FolderStateStore | undefined;
  readonly #timers: NodeJS.Timeout[] = [];
  #stopping = false;

  constructor(options: Options, tell: Tell) {
    this.#options = options;
    this.#tell = tell;
    const { stateFolder } = options;
    this.#stateStore = stateFolder === undefined ? undefined : folderStateStore(stateFolder);
    this.#core = createCore({ log: (entry) => this.#log(entry), ...this.#saving() });
    this.#iscsi = new IscsiFront(this.#core, options, tell);
    this.#nbd = options.nbd === undefined ? undefined : new NbdFront(this.#core, options.nbd);
  }

  /** For those who look on. */
  get core(): Core {
    return this.#core;
  }

  get devices(): readonly RegisteredDevice[] {
    return this.#devices;
  }

  /** Opens everything and listens. Returns a line for each device and way to reach it. */
  async start(): Promise<string[]> {
    const { devices, flushSeconds, resizeSeconds } = this.#options;
    for (const settings of devices) await this.#add(settings);
    this.#every(flushSeconds, () => {
      for (const device of this.#devices) void this.#flush(device);
    });
    this.#every(resizeSeconds, () => this.refreshCapacity());
    const lines = await this.#iscsi.start(devices);
    const uris = await this.#nbd?.start(devices.map(({ name }) => name));
    for (const { name, path } of devices) {
      for (const uri of uris?.get(name) ?? []) lines.push(`${name}  ${path}  ${uri}`);
    }
    return lines;
  }

  async #flush(device: RegisteredDevice): Promise<void> {
    try {
      await device.flushCache();
    } catch (error) {
      this.#tell(`${device.name}: ${(error as Error).message}`);
    }
  }

  /** The files may have grown: looks. The disks tell their initiators of another size. */
  refreshCapacity(): void {
    if (this.#stopping) return;
    for (const file of this.#files) {
      try {
        file.refreshSize();
      } catch (error) {
        this.#tell(error instanceof Error ? error.message : String(error));
      }
    }
  }

  /** Ends the sessions, then flushes and closes every device, also if one of them fails. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearInterval(timer);
    const server = await Promise.allSettled([this.#iscsi.close(), this.#nbd?.close()]);
    const devices = await Promise.allSettled(this.#devices.map((device) => device.close()));
    const failed = [...server, ...devices].find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #add(settings: DeviceSettings): Promise<void> {
    const { name, path, sizeBytes, nullio } = settings;
    if (sizeBytes !== undefined) makeFile(path, sizeBytes);
    const file = fileStore(path, settings.store);
    this.#tellSize(settings, file.size);
    const store = nullio ? nullStore(file.size) : file;
    if (nullio) await file.close();
    const { vdiskId } = this.#options;
    const identified = vdiskId === 0 ? name : `${vdiskId}:${name}`;
    const device = await registerDevice(
      loopbackChannel(this.#core),
      name,
      disk(store, { name: identified, ...settings.disk, ...this.#saving() }),
      { report: (code, message) => this.#tell(`${name}: ${message} (${code})`) },
    );
    this.#devices.push(device);
    if (!nullio) this.#files.push(file);
  }

  #every(seconds: number, action: () => void): void {
    if (seconds > 0) this.#timers.push(setInterval(action, seconds * 1000).unref());
  }

  /** Where the core and the disks keep what initiators have them save; nowhere unless said. */
  #saving() {
    return this.#stateStore === undefined ? {} : { stateStore: this.#stateStore };
  }

  #tellSize({ name, path, blockSize }: DeviceSettings, storeSize: number): void {
    const stat = statSync(path);
    const size = stat.isFile() ? stat.size : storeSize;
    const rest = size - (storeSize - (storeSize % blockSize));
    if (rest !== 0 && size > blockSize) {
      this.#tell(
        `${name}: the last ${rest} bytes of ${path} are left out: ` +
          `${size} is no multiple of the block size, ${blockSize}`,
      );
    }
  }

  #log({ level, message, code }: LogEntry): void {
    if (level === "warning" || level === "error") this.#tell(`${level}: ${message} (${code})`);
  }
}
