import {
  createCore,
  type Core,
  type Disk,
  disk,
  type FileStore,
  fileStore,
  folderStateStore,
  IscsiServer,
  type LogEntry,
  loopbackChannel,
  nullStore,
  registerDevice,
  type RegisteredDevice,
} from "scst-user";

import { chapFrom } from "./chap.ts";
import { NbdFront } from "./nbd.ts";
import type { Address, NamedPath, Options } from "./options.ts";

/** Says something to who runs the program. */
export type Tell = (message: string) => void;

/** All devices of a command line, by iSCSI behind one target, by NBD an export each. */
export class FileioTarget {
  readonly #options: Options;
  readonly #tell: Tell;
  readonly #core: Core;
  readonly #server: IscsiServer;
  readonly #nbd: NbdFront | undefined;
  readonly #devices: RegisteredDevice[] = [];
  readonly #files: FileStore[] = [];
  #flushTimer: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(options: Options, tell: Tell) {
    this.#options = options;
    this.#tell = tell;
    const { stateFolder } = options;
    this.#core = createCore({
      log: (entry) => this.#log(entry),
      ...(stateFolder === undefined ? {} : { stateStore: folderStateStore(stateFolder) }),
    });
    const { chap, discoveryChap } = options;
    this.#server = new IscsiServer(this.#core, {
      chap: chapFrom("--chap", chap, tell),
      discoveryChap: chapFrom("--discovery-chap", discoveryChap, tell),
    });
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
    const { devices, iscsi } = this.#options;
    for (const { name, path } of devices) {
      const device = await registerDevice(
        loopbackChannel(this.#core),
        name,
        this.#open({ name, path }),
        { report: (code, message) => this.#tell(`${name}: ${message} (${code})`) },
      );
      this.#devices.push(device);
    }
    this.#flushNowAndThen();
    const lines = iscsi === undefined ? [] : await this.#startIscsi(iscsi);
    const uris = await this.#nbd?.start(devices.map(({ name }) => name));
    for (const { name, path } of devices) {
      for (const uri of uris?.get(name) ?? []) lines.push(`${name}  ${path}  ${uri}`);
    }
    return lines;
  }

  async #startIscsi({ host, port }: Address): Promise<string[]> {
    const { devices } = this.#options;
    const iqn = targetName((devices[0] as NamedPath).name);
    this.#server.export({ iqn, luns: devices.map(({ name }, lun) => [lun, name]) });
    const address = await this.#server.listen({ host, port });
    const portal = `${host.includes(":") ? `[${host}]` : host}:${address.port}`;
    return devices.map(({ name, path }, lun) => {
      return `${name}  ${path}  iscsi://${portal}/${iqn}/${lun}`;
    });
  }

  #flushNowAndThen(): void {
    const { flushSeconds } = this.#options;
    if (flushSeconds === 0) return;
    this.#flushTimer = setInterval(() => {
      for (const device of this.#devices) device.flushCache();
    }, flushSeconds * 1000);
    this.#flushTimer.unref();
  }

  /** The files may have grown: looks, and tells the initiators. */
  refreshCapacity(): void {
    if (this.#stopping) return;
    for (const file of this.#files) file.refreshSize();
    for (const device of this.#devices) device.capacityChanged();
  }

  /** Ends the sessions, then flushes and closes every device, also if one of them fails. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#flushTimer);
    const server = await Promise.allSettled([this.#server.close(), this.#nbd?.close()]);
    const devices = await Promise.allSettled(this.#devices.map((device) => device.close()));
    const failed = [...server, ...devices].find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  #open(named: NamedPath): Disk {
    const { blockSize, writeThrough, readOnly, nullio, nvCache, vdiskId } = this.#options;
    const file = fileStore(named.path, { readOnly: readOnly || nullio, writeThrough });
    this.#tellSize(named, file.size);
    const store = nullio ? nullStore(file.size) : file;
    if (nullio) this.#closeLater(file);
    else this.#files.push(file);
    return disk(store, {
      blockSize,
      readOnly,
      writeThrough,
      nonVolatileCache: nvCache,
      name: vdiskId === 0 ? named.name : `${vdiskId}:${named.name}`,
      product: named.name.slice(0, 16),
      device: this.#options.device,
    });
  }

  #tellSize({ name, path }: NamedPath, size: number): void {
    const { blockSize } = this.#options;
    const rest = size % blockSize;
    if (rest !== 0 && size > blockSize) {
      this.#tell(
        `${name}: the last ${rest} bytes of ${path} are left out: ` +
          `${size} is no multiple of the block size, ${blockSize}`,
      );
    }
  }

  /** With --nullio the file only says how large the disk is. */
  #closeLater(file: FileStore): void {
    void file.close();
  }

  #log({ level, message, code }: LogEntry): void {
    if (level === "warning" || level === "error") this.#tell(`${level}: ${message} (${code})`);
  }
}

/** The same on every machine, so that an initiator finds its disk again. */
export function targetName(device: string): string {
  const name = device.toLowerCase().replaceAll(/[^a-z0-9:-]/g, "-");
  return `iqn.2026-11.io.scst-user:${name}`;
}
