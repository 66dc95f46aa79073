/**
 * The interface's version, which the scst_user module compares with its own, letter by letter:
 * SCST's version and the SHA-1 of two of its headers. It differs from build to build.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { UsageError } from "../../protocol/errors.ts";

/** Names the version where neither an option nor a header does. */
const VARIABLE = "SCST_USER_VERSION";
/** Names the folder of the installed headers. */
const INCLUDE_VARIABLE = "SCST_USER_INCLUDE";

const INCLUDE_FOLDERS = ["/usr/local/include/scst", "/usr/include/scst"];

/** What the module's own field holds, and its end. */
const VERSION_LENGTH_MAX = 127;

/** A module bigger than this is none. */
const MODULE_BYTES_MAX = 64 * 1024 * 1024;

export interface InterfaceVersion {
  readonly text: string;
  /** Where it comes from, for messages. */
  readonly source: string;
}

/** What the search looks at; a test has its own. */
export interface VersionPlaces {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly includeFolders: readonly string[];
  /** The folder of the running kernel's modules. */
  readonly modules: string;
  /** Uncompresses a module of this suffix; undefined where that is not possible. */
  uncompress(bytes: Buffer, suffix: string): Buffer | undefined;
}

export const PLACES: VersionPlaces = {
  environment: process.env,
  includeFolders: INCLUDE_FOLDERS,
  modules: join("/lib/modules", release()),
  uncompress,
};

/**
 * The versions that the module may want, the likeliest first: a given one or that of the
 * environment alone; else that of the installed headers, then what the installed module holds.
 *
 * @throws UsageError INTERFACE_VERSION the given one can't be a version
 */
export function interfaceVersions(
  given: string | undefined,
  places: VersionPlaces = PLACES,
): InterfaceVersion[] {
  if (given !== undefined) return [checked(given, "the option version")];
  const fromEnvironment = places.environment[VARIABLE];
  if (fromEnvironment !== undefined && fromEnvironment !== "") {
    return [checked(fromEnvironment, VARIABLE)];
  }
  const include = places.environment[INCLUDE_VARIABLE];
  const folders =
    include === undefined ? places.includeFolders : [include, ...places.includeFolders];
  const found = [...folders.flatMap(versionOfHeaders), ...versionsOfModules(places)];
  return found.filter(({ text }, i) => found.findIndex((other) => other.text === text) === i);
}

function checked(text: string, source: string): InterfaceVersion {
  if (!/^[!-~]+$/.test(text) || text.length > VERSION_LENGTH_MAX) {
    throw new UsageError(
      "INTERFACE_VERSION",
      `${source}, "${text}": it must be 1 to ${VERSION_LENGTH_MAX} visible ASCII characters`,
    );
  }
  return { text, source };
}

function versionOfHeaders(folder: string): InterfaceVersion[] {
  const constants = contentOf(join(folder, "scst_const.h"));
  const user = contentOf(join(folder, "scst_user.h"));
  if (constants === undefined || user === undefined) return [];
  const [, name] = /#define\s+SCST_VERSION_NAME\s+"([^"]+)"/.exec(constants.toString()) ?? [];
  if (name === undefined) return [];
  return [{ text: name + sha1(user) + sha1(constants), source: `the headers in ${folder}` }];
}

function sha1(bytes: Buffer): string {
  return createHash("sha1").update(bytes).digest("hex");
}

/** The programs that Debian's and others' kernels' modules are compressed with. */
const PROGRAMS: Readonly<Record<string, string>> = { xz: "xz", zst: "zstd" };

function uncompress(bytes: Buffer, suffix: string): Buffer | undefined {
  if (suffix === "ko") return bytes;
  try {
    if (suffix === "gz") return gunzipSync(bytes, { maxOutputLength: MODULE_BYTES_MAX });
    const program = PROGRAMS[suffix];
    if (program === undefined) return undefined;
    return execFileSync(program, ["-dc"], {
      input: bytes,
      maxBuffer: MODULE_BYTES_MAX,
      stdio: ["pipe", "pipe", "ignore"],
    });
  } catch {
    return undefined;
  }
}

/** SCST's version and two SHA-1, as they stand in the module's text. */
const IN_MODULE = /[0-9]+\.[0-9]+(?:\.[0-9]+)*(?:-[a-z0-9]+)?[0-9a-f]{80}/g;

/** The module holds the versions of its other interfaces too: it says which it wants. */
function versionsOfModules(places: VersionPlaces): InterfaceVersion[] {
  const versions: InterfaceVersion[] = [];
  for (const path of modulePaths(places.modules)) {
    const suffix = path.slice(path.lastIndexOf(".") + 1);
    const content = contentOf(path);
    const module = content === undefined ? undefined : places.uncompress(content, suffix);
    if (module === undefined || module.length > MODULE_BYTES_MAX) continue;
    for (const [text] of module.toString("latin1").matchAll(IN_MODULE)) {
      versions.push({ text, source: path });
    }
  }
  return versions;
}

function modulePaths(folder: string): string[] {
  const paths: string[] = [];
  for (const place of ["extra", "updates", "extra/dev_handlers", "updates/dkms", "weak-updates"]) {
    for (const name of namesIn(join(folder, place))) {
      if (/^scst_user\.ko(\.(gz|xz|zst))?$/.test(name)) paths.push(join(folder, place, name));
    }
  }
  return paths;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
