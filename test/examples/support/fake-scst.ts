/** A kernel with SCST, in the place of which a folder and user devices stand that a test drives. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

import {
  SCST_DATA_READ,
  SCST_DATA_WRITE,
  SCST_USER_DETACH_SESS,
} from "../../../src/protocol/scst/index.ts";
import type { Block, KernelScst } from "../../../src/sdk/index.ts";
import { read10, write10 } from "../../support/cdbs.ts";
import { FakeScstUser, type Taken } from "../../support/fake-scst-user.ts";
import { attach, exec, message, SESSION } from "../../support/kernel-device.ts";

const BLOCK_BYTES = 512;

export class FakeScst {
  readonly #root = mkdtempSync(join(tmpdir(), "scst-user-sysfs-"));
  readonly #luns = join(this.#root, "targets/scst_local/scst_local_tgt/luns");
  /** In the order in which they were opened. */
  readonly devices: FakeDevice[] = [];

  constructor() {
    mkdirSync(this.#luns, { recursive: true });
    onTestFinished(() => rmSync(this.#root, { recursive: true }));
  }

  /** For those who serve. */
  get scst(): KernelScst {
    return {
      root: this.#root,
      open: () => {
        const device = new FakeDevice();
        this.devices.push(device);
        return device.user.channel();
      },
    };
  }

  /** What was last written to the target's file of commands. */
  get command(): string {
    return readFileSync(join(this.#luns, "mgmt"), "latin1");
  }

  /** As the kernel does when a LUN was added. */
  hasLun(lun: number): void {
    mkdirSync(join(this.#luns, String(lun)));
  }
}

/** One registered device, and an initiator's session at it. */
export class FakeDevice {
  readonly user = new FakeScstUser();
  #handle = 0;

  async attach(): Promise<void> {
    await this.#ask(attach(++this.#handle));
  }

  async detach(): Promise<void> {
    const detach = message(++this.#handle, SCST_USER_DETACH_SESS, ({ sess }) => {
      sess.sessH = SESSION;
    });
    await this.#ask(detach);
  }

  async write(lba: number, data: Uint8Array): Promise<number> {
    const buffer = this.#buffer(data.length);
    buffer.bytes.set(data);
    return await this.#exec(SCST_DATA_WRITE, lba, buffer, data.length);
  }

  /** The data, or the status where it is not GOOD. */
  async read(lba: number, blocks: number): Promise<Uint8Array | number> {
    const length = blocks * BLOCK_BYTES;
    const buffer = this.#buffer(length);
    const status = await this.#exec(SCST_DATA_READ, lba, buffer, length);
    return status === 0 ? buffer.bytes.slice(0, length) : status;
  }

  /** The kernel's, as it keeps them for reuse. */
  #buffer(length: number): Block {
    const buffer = this.user.arena.allocate(length);
    if (buffer === undefined) throw new Error("no memory");
    return buffer;
  }

  /** The status. */
  async #exec(direction: number, lba: number, buffer: Block, length: number): Promise<number> {
    const { address, bytes } = buffer;
    const cdbOf = direction === SCST_DATA_WRITE ? write10 : read10;
    const cdb = cdbOf(lba, length / BLOCK_BYTES);
    const command = exec(++this.#handle, (execCmd) => {
      execCmd.cdb.set(cdb);
      execCmd.cdbLen = cdb.length;
      execCmd.dataDirection = direction;
      execCmd.lba = lba;
      execCmd.dataLen = length;
      execCmd.bufflen = length;
      execCmd.allocLen = bytes.length;
      execCmd.pbuf = address;
    });
    const { reply } = await this.#ask(command);
    return reply.execReply.status;
  }

  async #ask(subcommand: Uint8Array): Promise<Taken> {
    const before = this.user.taken.length;
    this.user.post(subcommand);
    while (this.user.taken.length === before) await new Promise((resolve) => setImmediate(resolve));
    return this.user.taken[before] as Taken;
  }
}
