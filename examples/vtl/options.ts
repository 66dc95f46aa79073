import { basename, resolve } from "node:path";

import { exportPlace } from "scst-user";

import { hex, oneOf, text, wrong } from "../support/rules.ts";
import { address, DEFAULT_ADDRESS } from "./address.ts";
import { type AdminRequest, parseAdmin } from "./admin-options.ts";
import { CARTRIDGE_OPTIONS, cartridgeSettings, given, number, split, value } from "./arguments.ts";
import type { NewLibrary } from "./create.ts";
import { DRIVES_MAX } from "./description.ts";
import type { IscsiOptions } from "./iscsi-front.ts";
import type { KernelOptions } from "./kernel-front.ts";
import {
  DEFAULT_MODEL,
  LIBRARY_MODELS,
  type LibraryModel,
  MAIL_SLOTS_MAX,
  SLOTS_MAX,
} from "./models.ts";
import { barcodesOf, iqn, libraryName, personality } from "./rules.ts";

/** What to serve, and to whom: by iSCSI, or to the kernel's SCST. */
export type ServeOptions = { readonly folder: string } & (
  | { readonly iscsi: IscsiOptions }
  | { readonly iscsi: undefined; readonly kernel: KernelOptions }
);

export type Request =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "create"; readonly folder: string; readonly library: NewLibrary }
  | { readonly kind: "serve"; readonly options: ServeOptions }
  | { readonly kind: "admin"; readonly folder: string; readonly request: AdminRequest };

/** @throws UsageError which word or option, and what it must be */
export function parseOptions(words: readonly string[]): Request {
  const [command, ...rest] = words;
  if (command === undefined) throw wrong("a command is missing: create, serve, list, …");
  if (words.includes("--help") || words.includes("-h") || command === "help") {
    return { kind: "help" };
  }
  if (command === "--version" || command === "-v") return { kind: "version" };
  if (command === "create") return create(rest);
  if (command === "serve") return serve(rest);
  const { folder, request } = parseAdmin(command, rest);
  return { kind: "admin", folder, request };
}

const CREATE_OPTIONS = {
  ...CARTRIDGE_OPTIONS,
  library: value,
  name: value,
  iqn: value,
  vendor: value,
  product: value,
  revision: value,
  serial: value,
  naa: value,
  drives: value,
  slots: value,
  "mail-slots": value,
  personality: value,
  barcodes: value,
} as const;

function create(words: readonly string[]): Request {
  const { values, positionals } = split(words, CREATE_OPTIONS);
  const folder = onlyFolder(positionals);
  const model = given(values, "library", oneOf(LIBRARY_MODELS)) ?? defaultModel();
  const name = given(values, "name", libraryName) ?? nameOf(folder);
  const drive = given(values, "personality", personality) ?? model.personality;
  const serial = given(values, "serial", text(64));
  const naa = given(values, "naa", hex(16, 32));
  const library: NewLibrary = {
    library: {
      name,
      iqn: given(values, "iqn", iqn) ?? `iqn.2026-11.io.scst-user:${name}`,
      vendor: given(values, "vendor", text(8)) ?? model.vendor,
      product: given(values, "product", text(16)) ?? model.product,
      revision: given(values, "revision", text(4)) ?? model.revision,
      ...(serial === undefined ? {} : { serial }),
      ...(naa === undefined ? {} : { naa }),
      slots: number(values, "slots", 1, SLOTS_MAX) ?? model.slots,
      mailSlots: number(values, "mail-slots", 0, MAIL_SLOTS_MAX) ?? model.mailSlots,
    },
    drives: number(values, "drives", 0, DRIVES_MAX) ?? model.drives,
    personality: drive,
    barcodes: given(values, "barcodes", (where, word) => barcodesOf(where, String(word))) ?? [],
    cartridges: cartridgeSettings(values, drive),
  };
  return { kind: "create", folder, library };
}

function serve(words: readonly string[]): Request {
  const options = {
    iscsi: value,
    chap: { type: "string", multiple: true },
    "mutual-chap": value,
    kernel: { type: "boolean" },
    export: value,
  } as const;
  const { values, positionals } = split(words, options);
  const folder = onlyFolder(positionals);
  const byIscsi = (["iscsi", "chap", "mutual-chap"] as const).find(
    (name) => values[name] !== undefined,
  );
  if (values.kernel === true || values.export !== undefined) {
    if (byIscsi !== undefined) throw wrong(`--${byIscsi}: it can't be with --kernel or --export`);
    const place = values.export === undefined ? undefined : exportPlace(values.export);
    return { kind: "serve", options: { folder, iscsi: undefined, kernel: { place } } };
  }
  const iscsi = {
    address: address("--iscsi", values.iscsi ?? DEFAULT_ADDRESS),
    chap: { users: values.chap ?? [], mutual: values["mutual-chap"] },
  };
  return { kind: "serve", options: { folder, iscsi } };
}

function onlyFolder(words: readonly string[]): string {
  const [folder, ...more] = words;
  if (folder === undefined) throw wrong("the library's FOLDER is missing");
  if (more.length > 0) throw wrong(`${more.join(" ")}: one FOLDER is due`);
  return folder;
}

function nameOf(folder: string): string {
  const name = basename(resolve(folder))
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, "-");
  return name.replace(/^-+/, "").slice(0, 48) || "library";
}

function defaultModel(): LibraryModel {
  return LIBRARY_MODELS[DEFAULT_MODEL] as LibraryModel;
}
