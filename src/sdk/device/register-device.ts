import { ERRNO, errnoName } from "../../protocol/errno.ts";
import { SystemError, UsageError } from "../../protocol/errors.ts";
import {
  SCST_USER_DEVICE_CAPACITY_CHANGED,
  SCST_USER_FLUSH_CACHE,
  SCST_USER_REGISTER_DEVICE,
  ScstUserDevDesc,
} from "../../protocol/scst/index.ts";
import type { Channel } from "../channel/channel.ts";
import type { DeviceHandler, MaybePromise } from "../handler.ts";
import { preallocateBuffer } from "./preallocate.ts";
import { ask, check, deviceControl } from "./device-control.ts";
import { DeviceLoop, type DeviceStatistics, type Report } from "./device-loop.ts";
import { checkHandler, writeHandlerOptions } from "./options.ts";

/** The licence that the scst_user module is told: one that this package may be used under. */
const LICENSE = "GPL v2";

/** The module reads more than the strings have. */
const STRING_ROOM = 128;

/** The pool that the core keeps the device's buffers in. */
export interface BufferPoolOptions {
  /** By default the device's name. */
  readonly name?: string;
  /**
   * Another device of this program may use the pool of that name, too; over the loopback channel
   * it must have the same arena. Default: false.
   */
  readonly shared?: boolean;
  /** All buffers have so many pages; 0, the default: powers of two, 4 KiB to 4 MiB. */
  readonly singlePages?: number;
  /**
   * A buffer that nobody has wanted for one to two of these is given back. Negative: never.
   * Default: 60.
   */
  readonly purgeIntervalSeconds?: number;
  /** SCST's second pool, for target drivers that want adjacent pages. Default: true. */
  readonly clustered?: boolean;
}

export interface RegisterOptions {
  readonly bufferPool?: BufferPoolOptions;
  /** Told of what goes wrong in a handler: by default, nobody. */
  readonly report?: Report;
}

/** A device that initiators can use. */
export interface RegisteredDevice {
  readonly name: string;
  readonly handler: DeviceHandler;
  readonly statistics: DeviceStatistics;
  /** Tells every initiator that the capacity has changed (disks). */
  capacityChanged(): Promise<void>;
  /**
   * Has the core give back every buffer that it keeps for reuse and that no command has. In the
   * kernel this waits until all commands of all devices have ended.
   */
  flushCache(): Promise<void>;
  /**
   * Has the core keep `count` buffers of `lengthBytes` ready for reuse before any command asks for
   * one (`memoryReuse` must not be `"none"`).
   */
  preallocateBuffers(count: number, lengthBytes: number): void;
  /**
   * New commands get BUSY from now on; resolves when those that the handler has are answered.
   * Before {@link close}, which has the core fail them.
   */
  drain(): Promise<void>;
  /**
   * Takes the device away from the initiators, waits for what runs, and closes the handler.
   * Resolves when the name can be registered again.
   */
  close(): Promise<void>;
}

/**
 * Registers `handler` with the core behind `channel` as the device `name`.
 *
 * @param name 1 to 48 characters, without "." and "/"
 * @throws UsageError what is wrong with the handler
 * @throws SystemError what the core answered; the channel is still open, for another try
 */
export async function registerDevice(
  channel: Channel,
  name: string,
  handler: DeviceHandler,
  options: RegisterOptions = {},
): Promise<RegisteredDevice> {
  checkHandler(name, handler);
  await registerWith(channel, name, handler, options.bufferPool);
  const report = options.report ?? (() => undefined);
  const loop = new DeviceLoop(channel, handler, report);
  await channel.whenReadable(loop.pump);
  handler.registered?.(deviceControl(channel, name, handler, report));
  return new OpenDevice(channel, name, handler, loop);
}

/** REGISTER_DEVICE, with each version that it may want. */
export async function registerWith(
  channel: Channel,
  name: string,
  handler: DeviceHandler,
  pool: BufferPoolOptions = {},
): Promise<void> {
  const block = channel.arena.allocate(ScstUserDevDesc.size + 2 * STRING_ROOM);
  if (block === undefined) throw new SystemError("ENOMEM", ERRNO.ENOMEM, "no memory to register");
  block.bytes.fill(0);
  const view = ScstUserDevDesc.view(block.bytes);
  view.licenseStr = putString(block, ScstUserDevDesc.size + STRING_ROOM, LICENSE);
  view.type = handler.type;
  view.blockSize = handler.blockSize;
  view.name = name;
  view.enablePrCmdsNotifications = handler.options?.persistentReserveNotifications === true ? 1 : 0;
  view.sgvName = pool.name ?? "";
  view.sgvShared = pool.shared === true ? 1 : 0;
  view.sgvSingleAllocPages = pool.singlePages ?? 0;
  view.sgvPurgeInterval = pool.purgeIntervalSeconds ?? 0;
  view.sgvDisableClusteredPool = pool.clustered === false ? 1 : 0;
  writeHandlerOptions(view.opt, handler);
  let result = -ERRNO.EINVAL;
  for (const { text } of channel.versions) {
    view.versionStr = putString(block, ScstUserDevDesc.size, text);
    // Not on this thread: another of its devices may have to answer first.
    result = await channel.ioctlAside(SCST_USER_REGISTER_DEVICE, block.address);
    // That is also how a version is refused.
    if (result !== -ERRNO.EINVAL) break;
  }
  channel.arena.release(block.address);
  if (result < 0) throw refusal(channel, name, -result);
}

function putString(
  block: { address: number; bytes: Uint8Array },
  at: number,
  text: string,
): number {
  block.bytes.fill(0, at, at + STRING_ROOM);
  block.bytes.set(Buffer.from(text, "latin1"), at);
  return block.address + at;
}

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: "there is a device of that name already",
  ENOMEM: "there is a device or a buffer pool of that name already, or no memory",
  EINVAL: "it does not accept the block size, an option or the interface's version",
  ENOENT: "there is no folder for persistent reservations: mkdir -p /var/lib/scst/pr",
  EPERM: "it does not accept the licence",
  EIO: "the device's saved reservations can't be read",
};

function refusal(channel: Channel, name: string, errno: number): SystemError {
  const code = errnoName(errno);
  const reason = REASONS[code];
  const versions = errno === ERRNO.EINVAL ? `; ${versionsSent(channel)}` : "";
  const why = reason === undefined ? code : `${code}, ${reason}${versions}`;
  return new SystemError(code, errno, `${channel.name} refused to register "${name}": ${why}`);
}

function versionsSent({ versions }: Channel): string {
  const sent = versions.map(({ text, source }) => `${text} (from ${source})`);
  return (
    `the versions sent were ${sent.join(", ")}; ` +
    "the kernel's log (dmesg) tells which one it expects, for SCST_USER_VERSION"
  );
}

/** What serves a device: a loop on this thread, or several on others. */
export interface DeviceServer {
  readonly statistics: DeviceStatistics;
  drain(): Promise<void>;
  close(): MaybePromise<void>;
  idle(): Promise<void>;
}

export class OpenDevice implements RegisteredDevice {
  readonly #channel: Channel;
  readonly #loop: DeviceServer;
  readonly name: string;
  readonly handler: DeviceHandler;
  #closing: Promise<void> | undefined;

  constructor(channel: Channel, name: string, handler: DeviceHandler, loop: DeviceServer) {
    this.#channel = channel;
    this.name = name;
    this.handler = handler;
    this.#loop = loop;
  }

  get statistics(): DeviceStatistics {
    return this.#loop.statistics;
  }

  async capacityChanged(): Promise<void> {
    await this.#ask(SCST_USER_DEVICE_CAPACITY_CHANGED, "telling a new capacity");
  }

  async flushCache(): Promise<void> {
    await this.#ask(SCST_USER_FLUSH_CACHE, "flushing the cache of buffers");
  }

  #ask(request: number, what: string): MaybePromise<void> {
    return ask(this.#channel, request, 0, `${this.name}: ${what}`);
  }

  preallocateBuffers(count: number, lengthBytes: number): void {
    const what = `${this.name}: keeping ${count} buffers of ${lengthBytes} bytes ready`;
    if (count > 0 && this.handler.options?.memoryReuse === "none") {
      throw new UsageError("MEMORY_REUSE", `${what}: it has memoryReuse "none"`);
    }
    for (let i = 0; i < count; i++) check(preallocateBuffer(this.#channel, lengthBytes), what);
  }

  drain(): Promise<void> {
    return this.#loop.drain();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closed = this.#loop.close();
    if (closed instanceof Promise) await closed;
    const gone = this.#channel.close(this.name);
    await this.#loop.idle();
    await this.handler.close?.();
    await gone;
    this.#channel.arena.close();
  }
}
