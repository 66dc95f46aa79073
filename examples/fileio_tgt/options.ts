import { parseArgs } from "node:util";

import type { IscsiConfig } from "scst-user";

import type { ChapWords } from "../support/chap.ts";
import { type ConfigFile, readConfig } from "./config.ts";
import {
  DEVICE_RULES,
  type DeviceOption,
  type DeviceSettings,
  deviceSettings,
  type GivenSettings,
  IDENTITY_OPTIONS,
} from "./device-settings.ts";
import { type KernelOptions, kernelOptionsOf } from "./kernel-options.ts";
import { type NbdOptions, nbdOptionsOf } from "./nbd-options.ts";
import { type Address, DEFAULT_ADDRESS, ADDRESS, PROGRAM_RULES } from "./program-rules.ts";
import { deviceName, wholeNumber, wrong } from "../support/rules.ts";

export interface Options {
  readonly vdiskId: number;
  /** Every so many seconds buffers that are kept for reuse are given back; 0: never. */
  readonly flushSeconds: number;
  /** Every so many seconds it is looked how large the files are; 0: never. */
  readonly resizeSeconds: number;
  /** Where reservations are kept that shall survive a restart. */
  readonly stateFolder: string | undefined;
  /** How to serve the kernel's SCST; undefined where iSCSI or NBD is asked for. */
  readonly kernel: KernelOptions | undefined;
  /** Where to listen; undefined for not at all. */
  readonly iscsi: Address | undefined;
  /** The same by the configuration file's `iscsi` object; `iscsi` wins. */
  readonly iscsiConfig: IscsiConfig | undefined;
  /** Where Prometheus finds the metrics. */
  readonly metrics: Address | undefined;
  /** How initiators log in to the target, and for discovery. */
  readonly chap: ChapWords;
  readonly discoveryChap: ChapWords;
  /** Where and how to serve by NBD; undefined for not at all. */
  readonly nbd: NbdOptions | undefined;
  readonly devices: readonly DeviceSettings[];
  /** What was asked for and has no effect here, as sentences. */
  readonly notes: readonly string[];
}

export type Request =
  | { readonly kind: "run"; readonly options: Options }
  | { readonly kind: "help" }
  | { readonly kind: "version" };

/** LUNs 0 to 255, the ones that every initiator can address. */
const DEVICES_MAX = 256;

const text = (short?: string) => ({ type: "string", ...(short && { short }) }) as const;
const texts = () => ({ type: "string", multiple: true }) as const;
const yes = (short?: string) => ({ type: "boolean", ...(short && { short }) }) as const;

const SPECS = {
  block: text("b"),
  size: text(),
  direct: yes("o"),
  io: text(),
  write_through: yes("t"),
  read_only: yes("r"),
  nullio: yes("n"),
  nv_cache: yes("c"),
  thin_provisioned: yes(),
  rotational: text(),
  removable: yes(),
  lb_per_pb_exp: text(),
  opt_trans_len: text(),
  usn: text(),
  t10_dev_id: text(),
  naa_id: text(),
  eui64_id: text(),
  t10_vend_id: text(),
  prod_id: text(),
  prod_rev_lvl: text(),
  parse: text("p"),
  on_free: text("f"),
  mem_reuse: text("m"),
  vdisk_id: text("I"),
  flush: text("F"),
  resize_poll: text(),
  state_dir: text(),
  config: text(),
  iscsi: text(),
  kernel: yes(),
  export: text(),
  metrics: text(),
  chap: texts(),
  "mutual-chap": text(),
  "discovery-chap": texts(),
  nbd: text(),
  tls: text(),
  tls_certificates: text(),
  tls_verify_peer: yes(),
  tls_psk: text(),
  threads: text("e"),
  blocking: yes(),
  awake: text(),
  non_blocking: yes("l"),
  multi_cmd: text("M"),
  unreg_before_close: yes("u"),
  sgv_shared: yes("s"),
  sgv_single_cache: text("S"),
  sgv_purge_interval: text("P"),
  sgv_disable_clustered_pool: yes("D"),
  prealloc_buffers: text("R"),
  prealloc_buffer_size: text("Z"),
  debug: text("d"),
  version: yes("v"),
  help: yes("h"),
} as const;

type Name = keyof typeof SPECS;

/** Of those, the ones that have an effect with the kernel's SCST. */
const WITH_KERNEL: readonly Name[] = [
  "threads",
  "blocking",
  "awake",
  "unreg_before_close",
  "sgv_single_cache",
  "sgv_purge_interval",
  "sgv_disable_clustered_pool",
  "prealloc_buffers",
  "prealloc_buffer_size",
];

/** Options of SCST's program that change nothing here: the lowest and highest value, and why. */
const WITHOUT_EFFECT: Partial<Record<Name, readonly [min: number, max: number, why: string]>> = {
  threads: [1, 1024, "one thread serves all devices"],
  blocking: [0, 1, "nothing waits in a kernel"],
  awake: [0, 10_000, "servers have a limit for it, awakeTimeUsMax"],
  non_blocking: [0, 1, "nothing blocks unless --blocking says so"],
  multi_cmd: [0, 1, "commands are always fetched in batches"],
  unreg_before_close: [0, 1, "devices are always unregistered before they are closed"],
  sgv_shared: [0, 1, "each device has buffers of its own"],
  sgv_single_cache: [0, 1024, "buffers have the sizes that commands want"],
  sgv_purge_interval: [0, 86_400, "buffers are freed as -F, --flush says"],
  sgv_disable_clustered_pool: [0, 1, "buffers are one piece each"],
  prealloc_buffers: [0, 1_000_000, "buffers are made when they are first wanted"],
  prealloc_buffer_size: [0, 1_000_000, "buffers are made when they are first wanted"],
  debug: [0, 0xffff_ffff, "warnings and errors are told in any case"],
};

/** @throws UsageError which option, its value, and what it must be */
export function parseOptions(words: readonly string[]): Request {
  const { values, positionals } = split(words);
  if (values.help === true) return { kind: "help" };
  if (values.version === true) return { kind: "version" };
  const config = values.config === undefined ? undefined : readConfig(values.config);
  const iscsi = given(values, "iscsi") ?? config?.program.iscsi;
  const nbd = nbdOptionsOf(values);
  const iscsiConfig = config?.iscsi;
  const otherwise = [iscsi, iscsiConfig, nbd].some((way) => way !== undefined);
  const kernel = kernelOf(values, otherwise);
  const options: Options = {
    vdiskId: given(values, "vdisk_id") ?? config?.program.vdisk_id ?? 0,
    flushSeconds: given(values, "flush") ?? config?.program.flush ?? 0,
    resizeSeconds: given(values, "resize_poll") ?? config?.program.resize_poll ?? 0,
    stateFolder: given(values, "state_dir") ?? config?.program.state_dir,
    kernel,
    iscsi,
    iscsiConfig,
    metrics: given(values, "metrics") ?? config?.program.metrics,
    chap: { users: values.chap ?? [], mutual: values["mutual-chap"] },
    discoveryChap: { users: values["discovery-chap"] ?? [], mutual: undefined },
    nbd,
    devices: devicesOf(positionals, givenSettings(values), config),
    notes: [...notesOn(values, kernel !== undefined), ...(config?.notes ?? [])],
  };
  return { kind: "run", options };
}

/** The kernel's SCST, unless another way to reach the disks is asked for. */
function kernelOf(values: Values, otherwise: boolean): KernelOptions | undefined {
  const said = (["kernel", "export"] as const).find((name) => values[name] !== undefined);
  if (otherwise) {
    if (said === undefined) return undefined;
    throw wrong(`--${said}: it can't be with --iscsi or --nbd`);
  }
  return kernelOptionsOf(values);
}

type Values = ReturnType<typeof split>["values"];

function split(words: readonly string[]) {
  try {
    return parseArgs({
      args: withAddress(words),
      options: SPECS,
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

/** Options whose value may be left out, and what they mean then. */
const DEFAULTS: ReadonlyMap<string, string> = new Map([
  ["--iscsi", DEFAULT_ADDRESS],
  ["--nbd", ""],
]);

/** `parseArgs` has no optional values: `--iscsi` and `--nbd` get the one that they mean. */
function withAddress(words: readonly string[]): string[] {
  const result: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (word === "--") return [...result, ...words.slice(i)];
    const otherwise = DEFAULTS.get(word);
    if (otherwise === undefined) {
      result.push(word);
      continue;
    }
    const next = words[i + 1];
    const isAddress = next !== undefined && (ADDRESS.test(next) || isUnixAddress(word, next));
    result.push(`${word}=${isAddress ? next : otherwise}`);
    if (isAddress) i++;
  }
  return result;
}

function isUnixAddress(option: string, word: string): boolean {
  return option === "--nbd" && word.startsWith("unix:");
}

/** How messages and help call an option: `-b, --block`. */
function labelOf(name: Name): string {
  const { short } = SPECS[name] as { short?: string };
  return short === undefined ? `--${name}` : `-${short}, --${name}`;
}

/** Words of the command line as the rules want them: numbers where they are numbers. */
function plain(value: Values[Name]): unknown {
  return typeof value === "string" && /^(\d+|0x[\da-f]+)$/i.test(value) ? Number(value) : value;
}

/** What must stay as it was written, though it may look like a number. */
const TEXTS: readonly Name[] = [
  ...IDENTITY_OPTIONS,
  "t10_vend_id",
  "prod_id",
  "prod_rev_lvl",
  "state_dir",
  "iscsi",
  "metrics",
  "parse",
  "on_free",
  "mem_reuse",
  "io",
];

function given<P extends keyof typeof PROGRAM_RULES>(
  values: Values,
  name: P,
): ReturnType<(typeof PROGRAM_RULES)[P]> | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  const rule = PROGRAM_RULES[name];
  const checked = rule(labelOf(name), TEXTS.includes(name) ? value : plain(value));
  return checked as ReturnType<(typeof PROGRAM_RULES)[P]>;
}

function givenSettings(values: Values): GivenSettings {
  const names = Object.keys(DEVICE_RULES) as DeviceOption[];
  const entries = names.flatMap((name) => {
    const value = values[name];
    if (value === undefined) return [];
    const checked = DEVICE_RULES[name](labelOf(name), TEXTS.includes(name) ? value : plain(value));
    return [[name, checked] as const];
  });
  return Object.fromEntries(entries);
}

function devicesOf(
  words: readonly string[],
  settings: GivenSettings,
  config: ConfigFile | undefined,
): DeviceSettings[] {
  if (config !== undefined) {
    const [name] = Object.keys(settings) as Name[];
    const said = words[0] ?? (name === undefined ? undefined : labelOf(name));
    if (said === undefined) return checkDevices(config.devices);
    throw wrong(`${said}: with --config the devices and their options are in the file`);
  }
  if (words.length === 0) throw wrong("a NAME and a PATH are missing");
  if (words.length % 2 !== 0) throw wrong(`${words.at(-1)}: a name without a path`);
  const devices: DeviceSettings[] = [];
  for (let i = 0; i < words.length; i += 2) {
    const [name, path] = words.slice(i, i + 2) as [string, string];
    devices.push(deviceSettings(deviceName("name", name), path, settings));
  }
  const own = IDENTITY_OPTIONS.find((name) => settings[name] !== undefined);
  if (own !== undefined && devices.length > 1) {
    throw wrong(`${labelOf(own)}: each disk needs its own; name several disks in a --config file`);
  }
  return checkDevices(devices);
}

function checkDevices(devices: DeviceSettings[]): DeviceSettings[] {
  if (devices.length > DEVICES_MAX) {
    throw wrong(`${devices.length} devices: there can be at most ${DEVICES_MAX}`);
  }
  for (const [index, { name }] of devices.entries()) {
    if (devices.findIndex((device) => device.name === name) !== index) {
      throw wrong(`name "${name}": there are two of it, each device needs its own`);
    }
  }
  return devices;
}

function notesOn(values: Values, isKernel: boolean): string[] {
  const all = Object.keys(WITHOUT_EFFECT) as Name[];
  const names = isKernel ? all.filter((name) => !WITH_KERNEL.includes(name)) : all;
  return names.flatMap((name) => {
    const value = values[name];
    const [min, max, why] = WITHOUT_EFFECT[name] as readonly [number, number, string];
    if (value === undefined) return [];
    if (value !== true) wholeNumber(min, max)(labelOf(name), plain(value));
    return [`${labelOf(name)} has no effect: ${why}`];
  });
}
