import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { ERRNO } from "../../protocol/errno.ts";
import { SystemError, UsageError } from "../../protocol/errors.ts";
import { Arena } from "../memory/arena.ts";
import { type DeviceFile, openDeviceFile } from "../native/device-file.ts";
import { MappedSource } from "../native/mapped-memory.ts";
import type { Channel } from "./channel.ts";
import { type InterfaceVersion, interfaceVersions } from "./interface-version.ts";

const PATH = "/dev/scst_user";
const SYSFS = "/sys/kernel/scst_tgt";

/** SCST lets go of a device in the background, and looks ten times a second. */
const GONE_INTERVAL_MS = 20;
const GONE_WAIT_MAX_MS = 10_000;

export interface KernelChannelOptions {
  /** `/dev/scst_user` unless said. */
  readonly path?: string;
  /**
   * The interface's version, where it is not found by itself: SCST's version followed by the
   * SHA-1 of its headers scst_user.h and scst_const.h. It differs from build to build.
   */
  readonly version?: string;
  /**
   * Microseconds for which the event loop may ask for the next command without sleeping, where it
   * sees that this pays; 0: never. At most 10 000. Default: 200, of several threads 0.
   */
  readonly awakeTimeUsMax?: number | undefined;
}

const AWAKE_TIME_US = 200;
const AWAKE_TIME_US_MAX = 10_000;

/**
 * Opens a user device of the SCST in the running Linux kernel. One channel serves one device,
 * on this thread: between commands the event loop goes on.
 *
 * @throws SystemError ENOENT, ENODEV, ENXIO no scst_user module is loaded; EACCES, EPERM not
 *   allowed to; ENOSYS no koffi
 * @throws UsageError INTERFACE_VERSION no version was found; AWAKE_TIME that is no such time
 */
export function kernelChannel(options: KernelChannelOptions = {}): Channel {
  return openKernelChannel(options, () => new Arena(new MappedSource()));
}

/**
 * The same, with an arena of the caller's.
 *
 * @param blocking whether getting subcommands waits until there are some
 */
export function openKernelChannel(
  options: KernelChannelOptions,
  arena: () => Arena,
  blocking = false,
): KernelChannel {
  const { path = PATH, awakeTimeUsMax = AWAKE_TIME_US } = options;
  checkAwakeTime(awakeTimeUsMax);
  const versions = interfaceVersions(options.version);
  const file = open(path, blocking);
  try {
    if (versions.length === 0) throw noVersion();
    return new KernelChannel(file, versions, arena(), awakeTimeUsMax);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Where a channel sees whether a device is gone; a test has its own. */
export interface GoneWatch {
  /** SCST's folder in sysfs. */
  readonly root: string;
  sleep(milliseconds: number): Promise<unknown>;
}

/** The channel over an open device file. */
export class KernelChannel implements Channel {
  readonly name: string;
  readonly versions: readonly InterfaceVersion[];
  readonly awakeTimeUsMax: number;
  readonly arena: Arena;
  /** For threads that serve the same device. */
  readonly file: DeviceFile;
  readonly #gone: GoneWatch;

  constructor(
    file: DeviceFile,
    versions: readonly InterfaceVersion[],
    arena: Arena,
    awakeTimeUsMax = 0,
    gone: GoneWatch = { root: SYSFS, sleep },
  ) {
    this.#gone = gone;
    this.name = file.path;
    this.versions = versions;
    this.awakeTimeUsMax = awakeTimeUsMax;
    this.arena = arena;
    this.file = file;
  }

  ioctl(request: number, argument: number): number {
    return this.file.ioctl(request, argument);
  }

  ioctlAside(request: number, argument: number): Promise<number> {
    return this.file.ioctlAside(request, argument);
  }

  whenReadable(readable: () => void): Promise<void> {
    return this.file.whenReadable(readable);
  }

  /** @throws SystemError ETIMEDOUT the name is not free yet */
  async close(device?: string): Promise<void> {
    this.file.close();
    if (device === undefined) return;
    // The pools of its buffers, which have its name, are the last to go.
    const signs = ["devices", "sgv"].map((folder) => join(this.#gone.root, folder, device));
    for (let waited = 0; signs.some((path) => existsSync(path)); waited += GONE_INTERVAL_MS) {
      if (waited >= GONE_WAIT_MAX_MS) {
        throw new SystemError(
          "ETIMEDOUT",
          ERRNO.ETIMEDOUT,
          `${device} is closed, and SCST has not let go of it after ${GONE_WAIT_MAX_MS} ms`,
        );
      }
      await this.#gone.sleep(GONE_INTERVAL_MS);
    }
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: "SCST's module is not loaded: modprobe scst_user",
  ENODEV: "SCST's module is not loaded: modprobe scst_user",
  ENXIO: "SCST's module is not loaded: modprobe scst_user",
  EACCES: "it is for root alone, unless its mode has been changed",
  EPERM: "it is for root alone, unless its mode has been changed",
};

function open(path: string, blocking: boolean): DeviceFile {
  try {
    return openDeviceFile(path, blocking);
  } catch (error) {
    throw error instanceof SystemError ? error : refusalToOpen(path, error);
  }
}

/** What open(2) answered, with advice. */
export function refusalToOpen(path: string, cause: unknown): SystemError {
  const { code = "EIO", errno = -ERRNO.EIO } = cause as NodeJS.ErrnoException;
  const advice = ADVICE[code];
  const message = `opening ${path}: ${code}${advice === undefined ? "" : `, ${advice}`}`;
  return new SystemError(code, Math.abs(errno), message, { cause });
}

function checkAwakeTime(time: number): void {
  if (Number.isInteger(time) && time >= 0 && time <= AWAKE_TIME_US_MAX) return;
  throw new UsageError(
    "AWAKE_TIME",
    `awakeTimeUsMax is ${time}: it must be a whole number from 0 to ${AWAKE_TIME_US_MAX}`,
  );
}

function noVersion(): UsageError {
  return new UsageError(
    "INTERFACE_VERSION",
    "the version of SCST's interface is not known: neither its headers nor its module were " +
      "found; set SCST_USER_INCLUDE to the folder of scst_user.h, or SCST_USER_VERSION",
  );
}
