import { parseArgs } from "node:util";

import { UsageError } from "scst-user";

import { type KernelOptions, kernelOptionsOf } from "../support/kernel.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where NBD is served: by TCP, or at a Unix socket. */
export type NbdAddress = Address | { readonly path: string };

/** What can be asked of a served disk and, but for exports, of a resting one. */
export type Operation =
  | { readonly command: "snap" | "delete" | "export" | "unexport"; readonly name: string }
  | { readonly command: "revert"; readonly name: string; readonly force: boolean }
  | { readonly command: "clone"; readonly to: string; readonly snapshot?: string }
  | { readonly command: "list" };

export interface CreateOptions {
  readonly file: string;
  readonly sizeBytes: number;
  readonly clusterBytes: number | undefined;
  /** Encrypts, with the passphrase that is in it. */
  readonly keyFile: string | undefined;
}

export interface ServeOptions {
  readonly file: string;
  readonly iscsi: Address | undefined;
  readonly nbd: NbdAddress | undefined;
  /** The kernel's SCST, and which LUN the disk becomes there; undefined with iSCSI or NBD. */
  readonly kernel: KernelOptions | undefined;
  /** Decrypts, with the passphrase that is in it. */
  readonly keyFile: string | undefined;
}

export type Request =
  | { readonly kind: "help" | "version" }
  | ({ readonly kind: "create" } & CreateOptions)
  | ({ readonly kind: "serve" } & ServeOptions)
  | { readonly kind: "operation"; readonly file: string; readonly operation: Operation };

const SPECS = {
  size: { type: "string" },
  cluster: { type: "string" },
  iscsi: { type: "string" },
  nbd: { type: "string" },
  kernel: { type: "boolean" },
  export: { type: "string" },
  "key-file": { type: "string" },
  snapshot: { type: "string" },
  force: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

type Values = ReturnType<typeof parse>["values"];
type OptionName = keyof typeof SPECS;

/** Which words a command has behind it, and which options. */
const COMMANDS: Readonly<
  Record<string, { readonly words: readonly string[]; readonly options: readonly OptionName[] }>
> = {
  create: { words: ["FILE"], options: ["size", "cluster", "key-file"] },
  serve: { words: ["FILE"], options: ["iscsi", "nbd", "kernel", "export", "key-file"] },
  snap: { words: ["FILE", "NAME"], options: [] },
  list: { words: ["FILE"], options: [] },
  delete: { words: ["FILE", "NAME"], options: [] },
  revert: { words: ["FILE", "NAME"], options: ["force"] },
  clone: { words: ["FILE", "NEW"], options: ["snapshot"] },
  export: { words: ["FILE", "NAME"], options: [] },
  unexport: { words: ["FILE", "NAME"], options: [] },
};

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/** @throws UsageError OPTION: which word, and what it must be */
export function parseOptions(words: readonly string[]): Request {
  const { values, positionals } = parse(words);
  if (values.help === true) return { kind: "help" };
  if (values.version === true) return { kind: "version" };
  const [command = "", file = "", name = ""] = positionals;
  const rule = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (rule === undefined) {
    throw wrong(`"${command}": it must be one of ${Object.keys(COMMANDS).join(", ")}`);
  }
  if (positionals.length !== rule.words.length + 1 || positionals.includes("")) {
    throw wrong(`${command}: it takes ${rule.words.join(" ")}`);
  }
  for (const option of Object.keys(values) as OptionName[]) {
    if (!rule.options.includes(option)) throw wrong(`${command}: there is no --${option}`);
  }
  if (command === "create") return create(file, values);
  if (command === "serve") return serve(file, values);
  return { kind: "operation", file, operation: operationOf(command, name, values) };
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: SPECS, allowPositionals: true });
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
}

function create(file: string, { size, cluster, "key-file": keyFile }: Values): Request {
  if (size === undefined) throw wrong("create: --size is missing");
  const clusterBytes = cluster === undefined ? undefined : bytesOf("--cluster", cluster);
  return { kind: "create", file, sizeBytes: bytesOf("--size", size), clusterBytes, keyFile };
}

function serve(file: string, values: Values): Request {
  const iscsi = values.iscsi === undefined ? undefined : addressOf("--iscsi", values.iscsi);
  const nbd = values.nbd === undefined ? undefined : nbdAddressOf(values.nbd);
  const isNetwork = iscsi !== undefined || nbd !== undefined;
  const kernel = kernelOptionsOf(values.kernel, values.export);
  if (!isNetwork && kernel === undefined)
    throw wrong("serve: --iscsi, --nbd or --kernel is missing");
  if (isNetwork && kernel !== undefined)
    throw wrong("serve: --kernel can't be with --iscsi or --nbd");
  return { kind: "serve", file, iscsi, nbd, kernel, keyFile: values["key-file"] };
}

function operationOf(command: string, name: string, { force, snapshot }: Values): Operation {
  switch (command) {
    case "list":
      return { command };
    case "clone":
      return { command, to: name, ...(snapshot === undefined ? {} : { snapshot }) };
    case "revert":
      return { command, name, force: force ?? false };
    default:
      return { command: command as "snap" | "delete" | "export" | "unexport", name };
  }
}

function bytesOf(option: string, text: string): number {
  const [, digits, unit = ""] = /^(\d{1,15})([KMGT]?)$/i.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit.toUpperCase()] as number);
  if (digits === undefined || !Number.isSafeInteger(bytes) || bytes === 0) {
    throw wrong(`${option} ${text}: it must be bytes, or a number with K, M, G or T`);
  }
  return bytes;
}

function nbdAddressOf(text: string): NbdAddress {
  const path = /^unix:(.+)$/.exec(text)?.[1];
  return path === undefined ? addressOf("--nbd", text) : { path };
}

function addressOf(option: string, text: string): Address {
  const [, host, port] = /^(\[[\da-f:.]+\]|[\w.-]+):(\d+)$/i.exec(text) ?? [];
  if (host === undefined || !(Number(port) <= 65_535)) {
    throw wrong(`${option} ${text}: it must be HOST:PORT, such as 127.0.0.1:3260`);
  }
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

function wrong(message: string): UsageError {
  return new UsageError("OPTION", message);
}
