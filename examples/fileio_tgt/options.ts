import { parseArgs } from "node:util";

import { type DeviceOptions, UsageError } from "scst-user";

import type { ChapWords } from "./chap.ts";
import { type NbdOptions, nbdOptionsOf } from "./nbd-options.ts";

export interface Options {
  readonly blockSize: number;
  readonly writeThrough: boolean;
  readonly readOnly: boolean;
  readonly nullio: boolean;
  readonly nvCache: boolean;
  readonly vdiskId: number;
  /** Every so many seconds buffers that are kept for reuse are given back; 0: never. */
  readonly flushSeconds: number;
  /** Where reservations are kept that shall survive a restart. */
  readonly stateFolder: string | undefined;
  readonly device: DeviceOptions;
  /** Where to listen; undefined for the kernel's SCST. */
  readonly iscsi: Address | undefined;
  /** Where Prometheus finds the metrics. */
  readonly metrics: Address | undefined;
  /** How initiators log in to the target, and for discovery. */
  readonly chap: ChapWords;
  readonly discoveryChap: ChapWords;
  /** Where and how to serve by NBD; undefined for not at all. */
  readonly nbd: NbdOptions | undefined;
  readonly devices: readonly NamedPath[];
  /** What was asked for and has no effect here, as sentences. */
  readonly notes: readonly string[];
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface NamedPath {
  readonly name: string;
  readonly path: string;
}

export type Request =
  | { readonly kind: "run"; readonly options: Options }
  | { readonly kind: "help" }
  | { readonly kind: "version" };

/** LUNs 0 to 255, the ones that every initiator can address. */
const DEVICES_MAX = 256;

export const USAGE = `Usage: fileio_tgt [OPTIONS] NAME PATH [NAME PATH]...

Serves files and block devices as SCSI disks: the first is LUN 0, the next LUN 1, and so on.

  -b, --block=SIZE         block size in bytes, a power of two from 512 to 65536 (512)
  -t, --write_through      every write is on the disk before it is answered
  -r, --read_only          refuse writes
  -n, --nullio             no I/O at all: writes vanish, reads give zeros
  -c, --nv_cache           the machine's memory survives a loss of power: flushes are not needed
  -p, --parse=HOW          who parses CDBs: std, call or excpt (std)
  -f, --on_free=HOW        hear of the end of commands: ignore or call (ignore)
  -m, --mem_reuse=WHICH    buffers that are kept: all, read, write or none (all)
  -I, --vdisk_id=ID        tells disks of one name on several machines apart (0)
  -F, --flush=SECONDS      free the buffers that are kept every so often (0: when not used)
      --state_dir=FOLDER   keep persistent reservations (APTPL) there, over restarts
      --iscsi[=HOST:PORT]  serve by iSCSI, without a kernel module (127.0.0.1:3260)
      --metrics=[HOST:]PORT
                           metrics for Prometheus at http://HOST:PORT/metrics (on 127.0.0.1)
      --chap=USER:FILE     initiators log in as USER with the secret in FILE; may be repeated
      --mutual-chap=USER:FILE     the target proves that it is USER to those that ask
      --discovery-chap=USER:FILE  the same for discovery; may be repeated
      --nbd[=HOST:PORT]    serve by NBD, each disk an export of its name (127.0.0.1:10809, or the
                           sockets that systemd passes); also --nbd=unix:PATH
      --tls=MODE           NBD with TLS: off, allowed or required (off)
      --tls_certificates=FOLDER  with ca-cert.pem, server-cert.pem and server-key.pem
      --tls_verify_peer    clients need a certificate that ca-cert.pem's key has signed
      --tls_psk=FILE       pre-shared keys, a line each: NAME:KEY, the key in hexadecimal
  -v, --version            print the version
  -h, --help               print this

For command lines written for SCST's own fileio_tgt these are accepted, without effect:
  -e, --threads=COUNT   -l, --non_blocking   -M, --multi_cmd=0|1
`;

const SPECS = {
  block: { type: "string", short: "b" },
  threads: { type: "string", short: "e" },
  write_through: { type: "boolean", short: "t" },
  read_only: { type: "boolean", short: "r" },
  nullio: { type: "boolean", short: "n" },
  nv_cache: { type: "boolean", short: "c" },
  parse: { type: "string", short: "p" },
  on_free: { type: "string", short: "f" },
  mem_reuse: { type: "string", short: "m" },
  non_blocking: { type: "boolean", short: "l" },
  vdisk_id: { type: "string", short: "I" },
  flush: { type: "string", short: "F" },
  multi_cmd: { type: "string", short: "M" },
  state_dir: { type: "string" },
  iscsi: { type: "string" },
  metrics: { type: "string" },
  chap: { type: "string", multiple: true },
  "mutual-chap": { type: "string" },
  "discovery-chap": { type: "string", multiple: true },
  nbd: { type: "string" },
  tls: { type: "string" },
  tls_certificates: { type: "string" },
  tls_verify_peer: { type: "boolean" },
  tls_psk: { type: "string" },
  version: { type: "boolean", short: "v" },
  help: { type: "boolean", short: "h" },
} as const;

const PARSE = { std: "standard", call: "call", excpt: "exception" } as const;
const ON_FREE = { ignore: "ignore", call: "call" } as const;
const MEMORY_REUSE = { all: "all", read: "read", write: "write", none: "none" } as const;

const DEFAULT_ADDRESS = "127.0.0.1:3260";
/** Options whose value may be left out, and what they mean then. */
const DEFAULTS: ReadonlyMap<string, string> = new Map([
  ["--iscsi", DEFAULT_ADDRESS],
  ["--nbd", ""],
]);
/** What can only be an address, so that `--iscsi NAME PATH` means what it says. */
const ADDRESS = /^(\[[\da-f:.]+\]|[\w.-]*):(\d+)$/i;

/** @throws UsageError which option, its value, and what it must be */
export function parseOptions(words: readonly string[]): Request {
  const { values, positionals } = split(words);
  if (values.help === true) return { kind: "help" };
  if (values.version === true) return { kind: "version" };
  const memoryReuse = oneOf("-m, --mem_reuse", values.mem_reuse ?? "all", MEMORY_REUSE);
  const options: Options = {
    blockSize: blockSizeOf(values.block ?? "512"),
    writeThrough: values.write_through ?? false,
    readOnly: values.read_only ?? false,
    nullio: values.nullio ?? false,
    nvCache: values.nv_cache ?? false,
    vdiskId: wholeNumber("-I, --vdisk_id", values.vdisk_id ?? "0", 0, 0xffff_ffff),
    flushSeconds: wholeNumber("-F, --flush", values.flush ?? "0", 0, 86_400),
    stateFolder: values.state_dir,
    device: {
      parse: oneOf("-p, --parse", values.parse ?? "std", PARSE),
      onFree: oneOf("-f, --on_free", values.on_free ?? onFreeFor(memoryReuse), ON_FREE),
      memoryReuse,
    },
    iscsi: values.iscsi === undefined ? undefined : addressOf(values.iscsi),
    metrics: values.metrics === undefined ? undefined : metricsAddressOf(values.metrics),
    chap: { users: values.chap ?? [], mutual: values["mutual-chap"] },
    discoveryChap: { users: values["discovery-chap"] ?? [], mutual: undefined },
    nbd: nbdOptionsOf(values),
    devices: devicesOf(positionals),
    notes: notesOn(values),
  };
  return { kind: "run", options };
}

/** Buffers that are not kept must come back. */
function onFreeFor(memoryReuse: string): keyof typeof ON_FREE {
  return memoryReuse === "all" ? "ignore" : "call";
}

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
    const given = next !== undefined && (ADDRESS.test(next) || isUnixAddress(word, next));
    result.push(`${word}=${given ? next : otherwise}`);
    if (given) i++;
  }
  return result;
}

function isUnixAddress(option: string, word: string): boolean {
  return option === "--nbd" && word.startsWith("unix:");
}

function blockSizeOf(text: string): number {
  const size = wholeNumber("-b, --block", text, 512, 65_536);
  if (!Number.isInteger(Math.log2(size))) {
    throw wrong(`-b, --block ${text}: it must be a power of two from 512 to 65536`);
  }
  return size;
}

function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = /^(\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw wrong(`${option} ${text}: it must be a whole number from ${min} to ${max}`);
  }
  return value;
}

function oneOf<Table extends Readonly<Record<string, unknown>>>(
  option: string,
  text: string,
  table: Table,
): Table[keyof Table] {
  if (!Object.hasOwn(table, text)) {
    throw wrong(`${option} ${text}: it must be one of ${Object.keys(table).join(", ")}`);
  }
  return table[text] as Table[keyof Table];
}

function addressOf(text: string): Address {
  const [, host, port] = ADDRESS.exec(text) ?? [];
  if (host === undefined || !(Number(port) <= 65_535)) {
    throw wrong(`--iscsi ${text}: it must be HOST:PORT, such as ${DEFAULT_ADDRESS}, or left out`);
  }
  return { host: host === "" ? "0.0.0.0" : host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

/** A port alone is one that no other machine reaches. */
function metricsAddressOf(text: string): Address {
  const [, host, port] = ADDRESS.exec(text) ?? /^()(\d+)$/.exec(text) ?? [];
  if (host === undefined || !(Number(port) <= 65_535)) {
    throw wrong(`--metrics ${text}: it must be PORT or HOST:PORT, such as 9100`);
  }
  return { host: host === "" ? "127.0.0.1" : host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

function devicesOf(words: readonly string[]): NamedPath[] {
  if (words.length === 0) throw wrong("a NAME and a PATH are missing");
  if (words.length % 2 !== 0) throw wrong(`${words.at(-1)}: a name without a path`);
  if (words.length / 2 > DEVICES_MAX) {
    throw wrong(`${words.length / 2} devices: there can be at most ${DEVICES_MAX}`);
  }
  const devices: NamedPath[] = [];
  for (let i = 0; i < words.length; i += 2) {
    const [name, path] = words.slice(i, i + 2) as [string, string];
    if (!/^[!-~]{1,48}$/.test(name) || /[./]/.test(name)) {
      throw wrong(`name "${name}": it must have 1 to 48 ASCII characters, none of them . or /`);
    }
    if (devices.some((device) => device.name === name)) {
      throw wrong(`name "${name}": there are two of it, each device needs its own`);
    }
    devices.push({ name, path });
  }
  return devices;
}

function notesOn(values: ReturnType<typeof split>["values"]): string[] {
  const notes: string[] = [];
  if (values.threads !== undefined) {
    wholeNumber("-e, --threads", values.threads, 1, 1024);
    notes.push("-e, --threads has no effect: one thread serves all devices");
  }
  if (values.non_blocking === true) {
    notes.push("-l, --non_blocking has no effect: nothing ever blocks");
  }
  if (values.multi_cmd !== undefined) {
    wholeNumber("-M, --multi_cmd", values.multi_cmd, 0, 1);
    notes.push("-M, --multi_cmd has no effect: commands are always fetched in batches");
  }
  return notes;
}

function wrong(message: string): UsageError {
  return new UsageError("OPTION", message);
}
