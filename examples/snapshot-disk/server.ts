import { basename } from "node:path";

import {
  type Core,
  createCore,
  disk,
  IscsiServer,
  type LogEntry,
  loopbackChannel,
  NbdServer,
  type Qcow2Store,
  registerDevice,
  type RegisteredDevice,
  UsageError,
} from "scst-user";

import { perform } from "./operations.ts";
import type { Address, Operation } from "./options.ts";

export interface ServeOptions {
  readonly file: string;
  readonly iscsi: Address | undefined;
  readonly nbd: Address | undefined;
}

interface Exported {
  readonly lun: number;
  readonly device: RegisteredDevice;
}

/** LUNs 0 to 255, the ones that every initiator can address. */
const LUNS_MAX = 256;
/** What registerDevice takes. */
const DEVICE_NAME_LENGTH_MAX = 48;

/** The disk as LUN 0, and snapshots as the LUNs behind it. */
export class SnapshotServer {
  readonly #options: ServeOptions;
  readonly #store: Qcow2Store;
  readonly #core: Core;
  readonly #iscsi: IscsiServer;
  readonly #nbd: NbdServer;
  readonly #name: string;
  readonly #iqn: string;
  readonly #exports = new Map<string, Exported>();
  readonly #uris: string[] = [];
  #device: RegisteredDevice | undefined;
  /** One operation after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ServeOptions, store: Qcow2Store, tell: (message: string) => void) {
    this.#options = options;
    this.#store = store;
    this.#name = nameOf(basename(options.file).replace(/\.[^.]*$/, ""));
    this.#iqn = `iqn.2026-11.io.scst-user:${this.#name.toLowerCase().replaceAll("_", "-")}`;
    this.#core = createCore({
      log: ({ level, message, code }: LogEntry) => {
        if (level === "warning" || level === "error") tell(`${level}: ${message} (${code})`);
      },
    });
    this.#iscsi = new IscsiServer(this.#core);
    this.#nbd = new NbdServer(this.#core);
  }

  /** Returns the ways to reach the disk. */
  async start(): Promise<string[]> {
    const { iscsi, nbd } = this.#options;
    const handler = disk(this.#store, { name: this.#name, thinProvisioned: true });
    const channel = loopbackChannel(this.#core);
    this.#device = await registerDevice(channel, this.#name, handler);
    this.#iscsi.export({ iqn: this.#iqn, luns: [[0, this.#name]] });
    this.#nbd.target.addLun(0, this.#name);
    if (iscsi !== undefined) {
      const { port } = await this.#iscsi.listen(iscsi);
      this.#uris.push(`iscsi://${bracketed(iscsi.host)}:${port}/${this.#iqn}/`);
    }
    if (nbd !== undefined) {
      const address = await this.#nbd.listen(nbd);
      const port = "port" in address ? address.port : nbd.port;
      this.#uris.push(`nbd://${bracketed(nbd.host)}:${port}/`);
    }
    return this.#waysTo(0, this.#name);
  }

  /** Does what is asked through the control socket. Gives lines to print. */
  perform(operation: Operation): Promise<string[]> {
    const done = this.#last.then(() => this.#perform(operation));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async stop(): Promise<void> {
    await this.#last;
    const servers = await Promise.allSettled([this.#iscsi.close(), this.#nbd.close()]);
    // Snapshots first: they read from the image that the disk closes.
    const snapshots = [...this.#exports.values()].map(({ device }) => device.close());
    const devices = await Promise.allSettled(snapshots);
    const last = await Promise.allSettled([this.#device?.close()]);
    const results = [...servers, ...devices, ...last];
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #perform(operation: Operation): Promise<string[]> {
    switch (operation.command) {
      case "export":
        return await this.#export(operation.name);
      case "unexport":
        return await this.#unexport(operation.name);
      case "revert":
        this.#checkRevert(operation.force);
        break;
      case "clone":
        if (operation.snapshot === undefined) {
          throw new UsageError("SERVED", "clone: a served disk changes; say which --snapshot");
        }
        break;
      default:
    }
    const lines = await perform(this.#store, operation);
    if (operation.command !== "list") return lines;
    return lines.map((line, index) => {
      const { name } = this.#store.snapshots[index] as { name: string };
      const exported = this.#exports.get(name);
      return exported === undefined ? line : `${line}\tLUN ${exported.lun}`;
    });
  }

  async #export(snapshot: string): Promise<string[]> {
    if (this.#exports.has(snapshot)) {
      throw new UsageError("EXPORTED", `snapshot "${snapshot}" is exported already`);
    }
    const store = await this.#store.openSnapshot(snapshot);
    const name = nameOf(`${this.#name}@${snapshot}`);
    try {
      const lun = this.#freeLun();
      const channel = loopbackChannel(this.#core);
      const device = await registerDevice(channel, name, disk(store, { name, readOnly: true }));
      this.#core.targets.get(this.#iqn)?.addLun(lun, name, { readOnly: true });
      this.#nbd.target.addLun(lun, name, { readOnly: true });
      this.#exports.set(snapshot, { lun, device });
      return this.#waysTo(lun, name);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  async #unexport(snapshot: string): Promise<string[]> {
    const exported = this.#exports.get(snapshot);
    if (exported === undefined) {
      throw new UsageError("NOT_EXPORTED", `snapshot "${snapshot}" is not exported`);
    }
    this.#exports.delete(snapshot);
    for (const { target } of [{ target: this.#core.targets.get(this.#iqn) }, this.#nbd]) {
      target?.removeLun(exported.lun);
    }
    await exported.device.close();
    return [];
  }

  /** Whoever has the disk mounted would write what it remembers over what was. */
  #checkRevert(force: boolean): void {
    const count = [...this.#core.targets.values()].reduce(
      (sum, { sessions }) => sum + [...sessions].length,
      0,
    );
    if (count > 0 && !force) {
      const rule = "end them, or revert under them with --force";
      throw new UsageError("IN_USE", `initiators have ${count} sessions: ${rule}`);
    }
  }

  #freeLun(): number {
    const taken = new Set([...this.#exports.values()].map(({ lun }) => lun));
    for (let lun = 1; lun < LUNS_MAX; lun++) if (!taken.has(lun)) return lun;
    throw new UsageError("LUNS_MAX", `there are ${LUNS_MAX} LUNs already`);
  }

  #waysTo(lun: number, name: string): string[] {
    return this.#uris.map((uri) => {
      return uri.startsWith("iscsi:") ? `${uri}${lun}` : `${uri}${encodeURIComponent(name)}`;
    });
  }
}

function nameOf(text: string): string {
  return text.replaceAll(/[^\w@-]/g, "_").slice(0, DEVICE_NAME_LENGTH_MAX);
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
