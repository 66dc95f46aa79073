import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { type IscsiConfig, iscsiOptionsFromJson, UsageError } from "scst-user";

import { secretFrom } from "../support/chap.ts";
import { DEVICE_RULES, type DeviceSettings, deviceSettings } from "./device-settings.ts";
import { PROGRAM_RULES } from "./program-rules.ts";
import { deviceName, path as pathRule, type Rule, wrong } from "../support/rules.ts";

/** What a configuration file says, checked. */
export interface ConfigFile {
  readonly program: {
    readonly [Name in keyof typeof PROGRAM_RULES]?: ReturnType<(typeof PROGRAM_RULES)[Name]>;
  };
  readonly devices: DeviceSettings[];
  /** The `iscsi` object; where `iscsi` is an address it is in `program`. */
  readonly iscsi: IscsiConfig | undefined;
  /** What is told when the program runs. */
  readonly notes: readonly string[];
}

/** A configuration is not larger than this. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Reads a configuration file. Paths in it are relative to its folder.
 *
 * @throws UsageError the place in the file, the value, and what it must be
 */
export function readConfig(path: string): ConfigFile {
  const { devices, ...rest } = object(path, "", parse(path));
  const { iscsi: section, ...others } = rest;
  const isSection = typeof section === "object" && section !== null;
  const program = isSection ? others : rest;
  if (!Array.isArray(devices) || devices.length === 0) {
    throw wrong(`${path}: devices: it must be a list with at least one device`);
  }
  const folder = dirname(path);
  const checked = check(path, "", program, PROGRAM_RULES) as ConfigFile["program"];
  const { state_dir: stateFolder } = checked;
  const notes: string[] = [];
  return {
    iscsi: isSection ? iscsiSection(path, folder, section, notes) : undefined,
    notes,
    program: {
      ...checked,
      ...(stateFolder === undefined ? {} : { state_dir: resolve(folder, stateFolder) }),
    },
    devices: devices.map((value, index) => device(path, folder, `devices[${index}]`, value)),
  };
}

/** All of an iSCSI server; its members are those of docs/iscsi.md. */
function iscsiSection(file: string, folder: string, section: object, notes: string[]): IscsiConfig {
  const readSecret = (path: string) =>
    secretFrom(`${file}: secretFile`, resolve(folder, path), (note) => notes.push(note));
  try {
    return iscsiOptionsFromJson(section, readSecret);
  } catch (error) {
    if (!(error instanceof UsageError) || error.message.startsWith(file)) throw error;
    throw wrong(`${file}: ${error.message}`);
  }
}

function parse(path: string): unknown {
  let text: string;
  try {
    const content = readFileSync(path);
    if (content.length > FILE_BYTES_MAX) {
      throw wrong(`it has ${content.length} bytes: it can have at most ${FILE_BYTES_MAX}`);
    }
    text = content.toString("utf8");
  } catch (error) {
    throw wrong(`--config ${path}: ${(error as Error).message}`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrong(`--config ${path}: it must be JSON: ${(error as Error).message}`);
  }
}

function device(file: string, folder: string, place: string, value: unknown): DeviceSettings {
  const { name, path, ...rest } = object(file, place, value);
  const settings = check(file, `${place}.`, rest, DEVICE_RULES);
  return deviceSettings(
    deviceName(`${file}: ${place}.name`, name),
    resolve(folder, pathRule(`${file}: ${place}.path`, path)),
    settings,
  );
}

function object(file: string, place: string, value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw wrong(`${file}: ${place === "" ? "the file" : place}: it must be an object in braces`);
}

function check(
  file: string,
  prefix: string,
  values: Record<string, unknown>,
  rules: Readonly<Record<string, Rule<unknown>>>,
): Record<string, unknown> {
  const entries = Object.entries(values).map(([name, value]) => {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) {
      const names = Object.keys(rules).join(", ");
      throw wrong(`${file}: ${prefix}${name}: there is no such option; there are ${names}`);
    }
    return [name, rule(`${file}: ${prefix}${name}`, value)] as const;
  });
  return Object.fromEntries(entries);
}
