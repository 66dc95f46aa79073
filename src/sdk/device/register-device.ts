import { ERRNO, errnoName } from "../../protocol/errno.ts";
import { SystemError } from "../../protocol/errors.ts";
import {
  SCST_USER_DEVICE_CAPACITY_CHANGED,
  SCST_USER_FLUSH_CACHE,
  SCST_USER_REGISTER_DEVICE,
  SCST_USER_SET_OPTIONS,
  ScstUserDevDesc,
  ScstUserOpt,
} from "../../protocol/scst/index.ts";
import type { Channel } from "../channel/channel.ts";
import type { DeviceControl, DeviceHandler } from "../handler.ts";
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
  capacityChanged(): void;
  /** Has the core give back every buffer that it keeps for reuse and that no command has. */
  flushCache(): void;
  /** Takes the device away from the initiators, waits for what runs, and closes the handler. */
  close(): Promise<void>;
}

/**
 * Registers `handler` with the core behind `channel` as the device `name`.
 *
 * @param name 1 to 48 characters, without "." and "/"
 * @throws UsageError what is wrong with the handler
 * @throws SystemError what the core answered
 */
export async function registerDevice(
  channel: Channel,
  name: string,
  handler: DeviceHandler,
  options: RegisterOptions = {},
): Promise<RegisteredDevice> {
  checkHandler(name, handler);
  register(channel, name, handler, options.bufferPool ?? {});
  const loop = new DeviceLoop(channel, handler, options.report ?? (() => undefined));
  channel.whenReadable(loop.pump);
  const device = new OpenDevice(channel, name, handler, loop);
  handler.registered?.(device);
  return device;
}

function register(
  channel: Channel,
  name: string,
  handler: DeviceHandler,
  pool: BufferPoolOptions,
): void {
  const block = channel.arena.allocate(ScstUserDevDesc.size + 2 * STRING_ROOM);
  if (block === undefined) throw new SystemError("ENOMEM", ERRNO.ENOMEM, "no memory to register");
  block.bytes.fill(0);
  const view = ScstUserDevDesc.view(block.bytes);
  view.versionStr = putString(block, ScstUserDevDesc.size, channel.version);
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
  const result = channel.ioctl(SCST_USER_REGISTER_DEVICE, block.address);
  channel.arena.release(block.address);
  if (result < 0) throw refusal(channel, name, -result);
}

function putString(
  block: { address: number; bytes: Uint8Array },
  at: number,
  text: string,
): number {
  block.bytes.set(Buffer.from(text, "latin1"), at);
  return block.address + at;
}

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: "there is a device of that name already",
  ENOMEM: "there is a device or a buffer pool of that name already, or no memory",
  EINVAL: "it does not accept the block size, an option or the interface's version",
  EPERM: "it does not accept the licence",
  EIO: "the device's saved reservations can't be read",
};

function refusal(channel: Channel, name: string, errno: number): SystemError {
  const code = errnoName(errno);
  const reason = REASONS[code];
  const why = reason === undefined ? code : `${code}, ${reason}`;
  return new SystemError(code, errno, `${channel.name} refused to register "${name}": ${why}`);
}

class OpenDevice implements RegisteredDevice, DeviceControl {
  readonly #channel: Channel;
  readonly #loop: DeviceLoop;
  readonly name: string;
  readonly handler: DeviceHandler;
  #closing: Promise<void> | undefined;

  constructor(channel: Channel, name: string, handler: DeviceHandler, loop: DeviceLoop) {
    this.#channel = channel;
    this.name = name;
    this.handler = handler;
    this.#loop = loop;
  }

  get statistics(): DeviceStatistics {
    return this.#loop.statistics;
  }

  capacityChanged(): void {
    this.#ask(SCST_USER_DEVICE_CAPACITY_CHANGED, "telling a new capacity");
  }

  flushCache(): void {
    this.#ask(SCST_USER_FLUSH_CACHE, "flushing the cache of buffers");
  }

  optionsChanged(): void {
    const { arena } = this.#channel;
    const block = arena.allocate(ScstUserOpt.size);
    if (block === undefined) throw new SystemError("ENOMEM", ERRNO.ENOMEM, "no memory for options");
    try {
      block.bytes.fill(0);
      writeHandlerOptions(ScstUserOpt.view(block.bytes), this.handler);
      this.#ask(SCST_USER_SET_OPTIONS, "changing options", block.address);
    } finally {
      arena.release(block.address);
    }
  }

  #ask(request: number, what: string, argument = 0): void {
    const result = this.#channel.ioctl(request, argument);
    if (result >= 0) return;
    const code = errnoName(result);
    throw new SystemError(code, -result, `${this.name}: ${what}: ${code}`);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#loop.close();
    this.#channel.close();
    await this.#loop.idle();
    await this.handler.close?.();
  }
}
