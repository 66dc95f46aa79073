import { basename } from "node:path";

import {
  type BlockStore,
  disk,
  type DeviceSession,
  type KernelScst,
  type Qcow2Store,
  UsageError,
} from "scst-user";

import { unlocked } from "./encryption.ts";
import type { Front, Served, Tell } from "./front.ts";
import { KernelFront } from "./kernel-front.ts";
import { NetworkFront } from "./network-front.ts";
import { perform } from "./operations.ts";
import type { Operation, ServeOptions } from "./options.ts";
import { watchedDisk } from "./watched-disk.ts";

/** What registerDevice takes. */
const DEVICE_NAME_LENGTH_MAX = 48;

/** The disk as a LUN, and snapshots as others. */
export class SnapshotServer {
  readonly #store: Qcow2Store;
  readonly #keyFile: string | undefined;
  readonly #name: string;
  readonly #front: Front;
  readonly #exports = new Map<string, Served>();
  #sessions: ReadonlySet<DeviceSession> = new Set();
  /** One operation after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ServeOptions, store: Qcow2Store, tell: Tell, scst: KernelScst = {}) {
    const { file, kernel, keyFile } = options;
    this.#store = store;
    this.#keyFile = keyFile;
    this.#name = nameOf(basename(file).replace(/\.[^.]*$/, ""));
    this.#front =
      kernel === undefined
        ? new NetworkFront(this.#name, options, tell)
        : new KernelFront(kernel.place, tell, scst);
  }

  /** Returns the ways to reach the disk. */
  async start(): Promise<string[]> {
    const contents = await this.#contentsOf(this.#store);
    const thinProvisioned = contents.trim !== undefined;
    const { handler, sessions } = watchedDisk(
      disk(contents, { name: this.#name, thinProvisioned }),
    );
    this.#sessions = sessions;
    const served = await this.#front.add(this.#name, handler, false);
    await this.#front.listen();
    return served.ways();
  }

  /** Does what is asked through the control socket. Gives lines to print. */
  perform(operation: Operation): Promise<string[]> {
    const done = this.#last.then(() => this.#perform(operation));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async stop(): Promise<void> {
    await this.#last;
    await this.#front.stop();
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
      return exported === undefined ? line : `${line}\tLUN ${exported.lun ?? "-"}`;
    });
  }

  async #export(snapshot: string): Promise<string[]> {
    if (this.#exports.has(snapshot)) {
      throw new UsageError("EXPORTED", `snapshot "${snapshot}" is exported already`);
    }
    const below = await this.#store.openSnapshot(snapshot);
    const name = nameOf(`${this.#name}@${snapshot}`);
    try {
      const handler = disk(await this.#contentsOf(below), { name, readOnly: true });
      const served = await this.#front.add(name, handler, true);
      this.#exports.set(snapshot, served);
      return served.ways();
    } catch (error) {
      await below.close();
      throw error;
    }
  }

  async #unexport(snapshot: string): Promise<string[]> {
    const exported = this.#exports.get(snapshot);
    if (exported === undefined) {
      throw new UsageError("NOT_EXPORTED", `snapshot "${snapshot}" is not exported`);
    }
    this.#exports.delete(snapshot);
    await exported.remove();
    return [];
  }

  async #contentsOf(store: BlockStore): Promise<BlockStore> {
    return this.#keyFile === undefined ? store : await unlocked(store, this.#keyFile);
  }

  /** Whoever has the disk mounted would write what it remembers over what was. */
  #checkRevert(force: boolean): void {
    const { size: count } = this.#sessions;
    if (count === 0 || force) return;
    const rule = "end them, or revert under them with --force";
    throw new UsageError("IN_USE", `initiators have ${count} sessions: ${rule}`);
  }
}

function nameOf(text: string): string {
  return text.replaceAll(/[^\w@-]/g, "_").slice(0, DEVICE_NAME_LENGTH_MAX);
}
