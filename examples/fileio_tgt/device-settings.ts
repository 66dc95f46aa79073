import type { DeviceOptions, DiskOptions, FileStoreOptions } from "scst-user";

import { bytes, flag, hex, oneOf, powerOfTwo, text } from "../support/rules.ts";

/** How a device is called for, on the command line and in the configuration file alike. */
export const DEVICE_RULES = {
  block: powerOfTwo(512, 65_536),
  size: bytes(512, Number.MAX_SAFE_INTEGER),
  direct: flag,
  io: oneOf({ auto: undefined, io_uring: "io_uring", "thread-pool": "thread-pool" }),
  write_through: flag,
  read_only: flag,
  nullio: flag,
  nv_cache: flag,
  parse: oneOf({ std: "standard", call: "call", excpt: "exception" }),
  on_free: oneOf({ ignore: "ignore", call: "call" }),
  mem_reuse: oneOf({ all: "all", read: "read", write: "write", none: "none" }),
  thin_provisioned: flag,
  rotational: flag,
  removable: flag,
  lb_per_pb_exp: flag,
  opt_trans_len: bytes(512, 64 * 1024 * 1024),
  usn: text(64),
  t10_dev_id: text(200),
  naa_id: hex(16, 32),
  eui64_id: hex(16, 24, 32),
  t10_vend_id: text(8),
  prod_id: text(16),
  prod_rev_lvl: text(4),
} as const;

export type DeviceOption = keyof typeof DEVICE_RULES;

/** The options that a device was given. */
export type GivenSettings = {
  readonly [Name in DeviceOption]?: ReturnType<(typeof DEVICE_RULES)[Name]>;
};

/** What says which disk it is: of two disks each has its own. */
export const IDENTITY_OPTIONS: readonly DeviceOption[] = [
  "usn",
  "t10_dev_id",
  "naa_id",
  "eui64_id",
];

/** One device, complete. */
export interface DeviceSettings {
  readonly name: string;
  readonly path: string;
  /** The file is made this long where it is not there; undefined: it must be there. */
  readonly sizeBytes: number | undefined;
  readonly blockSize: number;
  readonly nullio: boolean;
  readonly store: FileStoreOptions;
  /** Without the name, which depends on the machine's number. */
  readonly disk: DiskOptions;
}

/** VPD page B1h: the revolutions a minute that SCST tells of disks that rotate. */
const ROTATION_RATE = 15_000;
const ROTATION_RATE_NONE = 1;

export function deviceSettings(name: string, path: string, given: GivenSettings): DeviceSettings {
  const { nullio = false, write_through: writeThrough = false, block: blockSize = 512 } = given;
  const readOnly = given.read_only ?? false;
  return {
    name,
    path,
    sizeBytes: given.size,
    blockSize,
    nullio,
    store: {
      // With --nullio the file only says how large the disk is.
      readOnly: readOnly || nullio,
      writeThrough,
      engine: given.direct === true ? "direct" : "buffered",
      ...(given.io === undefined ? {} : { io: given.io }),
    },
    disk: {
      blockSize,
      readOnly,
      writeThrough,
      nonVolatileCache: given.nv_cache ?? false,
      removable: given.removable ?? false,
      ...medium(given, blockSize),
      ...identity(name, given),
      device: coreOptions(given),
    },
  };
}

function medium(given: GivenSettings, blockSize: number) {
  const { rotational, opt_trans_len: optimalTransferBytes } = given;
  const rotationRate = rotational === true ? ROTATION_RATE : ROTATION_RATE_NONE;
  return {
    ...(rotational === undefined ? {} : { rotationRate }),
    // As SCST: by default hosts are told of physical blocks that are larger than the logical ones.
    ...(given.lb_per_pb_exp === false ? { physicalBlockSize: blockSize } : {}),
    ...(optimalTransferBytes === undefined ? {} : { limits: { optimalTransferBytes } }),
    ...(given.thin_provisioned === true ? { thinProvisioned: true } : {}),
  };
}

function identity(name: string, given: GivenSettings) {
  const all = {
    serial: given.usn,
    t10DeviceId: given.t10_dev_id,
    naa: given.naa_id,
    eui64: given.eui64_id,
    vendor: given.t10_vend_id,
    product: given.prod_id ?? name.slice(0, 16),
    revision: given.prod_rev_lvl,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** Buffers that are not kept must come back. */
function coreOptions({ parse, on_free: onFree, mem_reuse: memoryReuse = "all" }: GivenSettings) {
  const options: DeviceOptions = {
    parse: parse ?? "standard",
    onFree: onFree ?? (memoryReuse === "all" ? "ignore" : "call"),
    memoryReuse,
  };
  return options;
}
