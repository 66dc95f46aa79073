import { parseArgs } from "node:util";

import { type KdfOptions, UsageError } from "scst-user";

import { type KernelOptions, kernelOptionsOf } from "../support/kernel.ts";

export const COMMANDS = [
  "format",
  "serve",
  "add-key",
  "change-key",
  "remove-key",
  "dump",
  "repair",
] as const;

export type Command = (typeof COMMANDS)[number];

/** Where a passphrase is; nothing of it: it is asked for. */
export interface KeySource {
  readonly file?: string;
  readonly env?: string;
  readonly command?: string;
}

export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

export interface Options {
  readonly command: Command;
  readonly file: string;
  /** Where the header is, if not in the file itself. */
  readonly header: string | undefined;
  readonly key: KeySource;
  readonly newKey: KeySource;
  readonly sizeBytes: number | undefined;
  readonly sectorSize: number | undefined;
  readonly label: string | undefined;
  readonly discards: boolean;
  readonly force: boolean;
  readonly kdf: KdfOptions;
  readonly keySlot: number | undefined;
  readonly json: boolean;
  readonly iscsi: Address | undefined;
  readonly nbd: Address | undefined;
  /** Undefined where iSCSI or NBD is asked for. */
  readonly kernel: KernelOptions | undefined;
  readonly name: string | undefined;
  readonly readOnly: boolean;
  readonly direct: boolean;
  readonly plain: boolean;
}

const text = { type: "string" } as const;
const yes = { type: "boolean" } as const;

const SPECS = {
  header: text,
  "key-file": text,
  "key-env": text,
  "key-command": text,
  "new-key-file": text,
  "new-key-env": text,
  "new-key-command": text,
  size: text,
  "sector-size": text,
  label: text,
  "allow-discards": yes,
  force: yes,
  pbkdf: text,
  "pbkdf-memory": text,
  "pbkdf-parallel": text,
  "pbkdf-force-iterations": text,
  "key-slot": text,
  json: yes,
  iscsi: text,
  nbd: text,
  kernel: yes,
  export: text,
  name: text,
  "read-only": yes,
  direct: yes,
  plain: yes,
  help: { type: "boolean", short: "h" },
} as const;

type Name = keyof typeof SPECS;
type Values = ReturnType<typeof split>["values"];

const KEY: readonly Name[] = ["header", "key-file", "key-env", "key-command"];
const NEW_KEY: readonly Name[] = ["new-key-file", "new-key-env", "new-key-command"];
const FRONTS: readonly Name[] = ["iscsi", "nbd", "kernel", "export"];
const KDF: readonly Name[] = ["pbkdf", "pbkdf-memory", "pbkdf-parallel", "pbkdf-force-iterations"];

/** An option that a command does not look at is a mistake. */
const ALLOWED: Readonly<Record<Command, readonly Name[]>> = {
  format: [...KEY, ...KDF, "size", "sector-size", "label", "allow-discards", "force"],
  serve: [...KEY, ...FRONTS, "name", "read-only", "direct", "plain", "sector-size"],
  "add-key": [...KEY, ...NEW_KEY, ...KDF],
  "change-key": [...KEY, ...NEW_KEY, ...KDF],
  "remove-key": [...KEY, "key-slot"],
  dump: ["header", "json"],
  repair: ["header"],
};

/** @returns undefined for --help. @throws UsageError OPTION */
export function parseOptions(words: readonly string[]): Options | undefined {
  const { values, positionals } = split(words);
  if (values.help === true) return undefined;
  const [command, file, ...rest] = positionals;
  if (!isCommand(command)) throw wrong(`the command must be one of ${COMMANDS.join(", ")}`);
  if (file === undefined || rest.length > 0) throw wrong(`${command}: there must be one FILE`);
  const strange = (Object.keys(values) as Name[]).find((name) => !ALLOWED[command].includes(name));
  if (strange !== undefined) throw wrong(`--${strange} is not for ${command}`);
  return {
    command,
    file,
    header: values.header,
    key: sourceOf(values, ""),
    newKey: sourceOf(values, "new-"),
    sizeBytes: values.size === undefined ? undefined : bytes(values.size),
    sectorSize: whole(values, "sector-size"),
    label: values.label,
    discards: values["allow-discards"] ?? false,
    force: values.force ?? false,
    kdf: kdfOf(values),
    keySlot: whole(values, "key-slot"),
    json: values.json ?? false,
    ...frontsOf(command, values),
    name: values.name,
    readOnly: values["read-only"] ?? false,
    direct: values.direct ?? false,
    plain: values.plain ?? false,
  };
}

function split(words: readonly string[]) {
  const args = withAddresses(words);
  try {
    return parseArgs({ args, options: SPECS, allowPositionals: true, strict: true });
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

const DEFAULTS: ReadonlyMap<string, string> = new Map([
  ["--iscsi", "127.0.0.1:3260"],
  ["--nbd", "127.0.0.1:10809"],
]);

/** parseArgs has no options whose value may be left out: these get the one that they mean. */
function withAddresses(words: readonly string[]): string[] {
  return words.flatMap((word, i) => {
    const otherwise = DEFAULTS.get(word);
    if (otherwise === undefined)
      return DEFAULTS.has(words[i - 1] ?? "") && isAddress(word) ? [] : [word];
    const next = words[i + 1];
    return [`${word}=${next !== undefined && isAddress(next) ? next : otherwise}`];
  });
}

const ADDRESS = /^(\[[\da-f:.]+\]|[\w.-]+):(\d+)$/i;

function isAddress(word: string): boolean {
  return ADDRESS.test(word) || word.startsWith("unix:");
}

function isCommand(word: string | undefined): word is Command {
  return (COMMANDS as readonly (string | undefined)[]).includes(word);
}

function frontsOf(command: Command, values: Values) {
  const iscsi = values.iscsi === undefined ? undefined : addressOf("iscsi", values.iscsi);
  const nbd = values.nbd === undefined ? undefined : addressOf("nbd", values.nbd);
  const kernel = kernelOptionsOf(values.kernel, values.export);
  const isNetwork = iscsi !== undefined || nbd !== undefined;
  if (command === "serve" && kernel === undefined && !isNetwork) {
    throw wrong("serve: --iscsi, --nbd or --kernel is missing");
  }
  if (kernel !== undefined && isNetwork) throw wrong("--kernel: it can't be with --iscsi or --nbd");
  return { iscsi, nbd, kernel };
}

function sourceOf(values: Values, prefix: "" | "new-"): KeySource {
  const file = values[`${prefix}key-file`];
  const env = values[`${prefix}key-env`];
  const command = values[`${prefix}key-command`];
  if ([file, env, command].filter((value) => value !== undefined).length > 1) {
    throw wrong(
      `one of --${prefix}key-file, --${prefix}key-env and --${prefix}key-command will do`,
    );
  }
  return { ...(file && { file }), ...(env && { env }), ...(command && { command }) };
}

function kdfOf(values: Values): KdfOptions {
  const { pbkdf: type = "argon2id" } = values;
  const iterations = whole(values, "pbkdf-force-iterations");
  const memory = whole(values, "pbkdf-memory");
  const cpus = whole(values, "pbkdf-parallel");
  if (type === "argon2id") {
    return {
      type,
      ...(iterations !== undefined && { time: iterations }),
      ...(memory !== undefined && { memory }),
      ...(cpus !== undefined && { cpus }),
    };
  }
  if (type !== "pbkdf2") throw wrong(`--pbkdf ${type}: it must be argon2id or pbkdf2`);
  if (memory !== undefined || cpus !== undefined) {
    throw wrong("--pbkdf-memory and --pbkdf-parallel are for argon2id");
  }
  return { type, ...(iterations !== undefined && { iterations }) };
}

function addressOf(option: "iscsi" | "nbd", value: string): Address {
  const path = option === "nbd" ? /^unix:(.+)$/.exec(value)?.[1] : undefined;
  if (path !== undefined) return { path };
  const [, host, port] = ADDRESS.exec(value) ?? [];
  if (host === undefined || Number(port) > 65_535) {
    throw wrong(`--${option} ${value}: it must be HOST:PORT, such as 127.0.0.1:3260`);
  }
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

function whole(values: Values, name: Name): number | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  if (/^\d{1,10}$/.test(String(value))) return Number(value);
  throw wrong(`--${name} ${String(value)}: it must be a whole number`);
}

const UNITS = { "": 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 } as const;

function bytes(value: string): number {
  const [, count, unit = ""] = /^(\d+)([KMGT]?)$/i.exec(value) ?? [];
  const size = Number(count) * UNITS[unit.toUpperCase() as keyof typeof UNITS];
  if (size >= 4096 && size % 4096 === 0 && size < 2 ** 52) return size;
  throw wrong(`--size ${value}: it must be a multiple of 4096 bytes, such as 10G`);
}

function wrong(message: string): UsageError {
  return new UsageError("OPTION", message);
}
