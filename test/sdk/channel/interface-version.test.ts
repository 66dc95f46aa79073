/** Where the version of SCST's interface is found. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { interfaceVersions, PLACES } from "../../../src/sdk/channel/interface-version.ts";

const USER = "struct scst_user_opt { };\n";
const CONSTANTS = '#define SCST_VERSION_NAME\t"3.8.0"\n';
const OF_HEADERS = `3.8.0${sha1(USER)}${sha1(CONSTANTS)}`;
const OF_MODULE = `3.11.0-pre${"a".repeat(40)}${"b".repeat(40)}`;

const gzip = execFileSync("sh", ["-c", "command -v gzip"], { encoding: "utf8" }).trim();

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "scst-user-version-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function sha1(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

function put(path: string, content: string | Buffer): void {
  const whole = join(folder, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, content);
}

function putHeaders(include: string): void {
  put(`${include}/scst_user.h`, USER);
  put(`${include}/scst_const.h`, CONSTANTS);
}

/** What is found with these variables, as `text (source)`, the folder left out. */
function find(environment: Record<string, string> = {}, given?: string): string[] {
  const places = {
    ...PLACES,
    environment,
    includeFolders: [join(folder, "include")],
    modules: join(folder, "modules"),
  };
  return interfaceVersions(given, places).map(
    ({ text, source }) => `${text} (${source.replaceAll(folder, "")})`,
  );
}

describe("the version of the interface", () => {
  test("is the given one, whatever else there is", () => {
    putHeaders("include");
    expect(find({ SCST_USER_VERSION: "1" }, "2")).toEqual(["2 (the option version)"]);
  });

  test("is that of the environment, before what is installed", () => {
    putHeaders("include");
    expect(find({ SCST_USER_VERSION: "1" })).toEqual(["1 (SCST_USER_VERSION)"]);
  });

  test("is computed from the headers", () => {
    putHeaders("include");
    expect(find()).toEqual([`${OF_HEADERS} (the headers in /include)`]);
  });

  test("is computed from the headers that the environment names, first of all", () => {
    putHeaders("include");
    putHeaders("other");
    put("other/scst_user.h", "changed");
    const first = `3.8.0${sha1("changed")}${sha1(CONSTANTS)}`;
    expect(find({ SCST_USER_INCLUDE: join(folder, "other") })).toEqual([
      `${first} (the headers in /other)`,
      `${OF_HEADERS} (the headers in /include)`,
    ]);
  });

  test("is not computed from one header of two", () => {
    put("include/scst_user.h", USER);
    expect(find()).toEqual([]);
  });

  const module = Buffer.from(`\0license=GPL\0${OF_MODULE}\0x\0`, "latin1");
  test.each([
    ["modules/extra/dev_handlers/scst_user.ko", module],
    ["modules/updates/dkms/scst_user.ko.gz", gzipSync(module)],
  ])("is read in the module %s", (path, content) => {
    put(path, content);
    expect(find()).toEqual([`${OF_MODULE} (/${path})`]);
  });

  test.each([
    ["xz", "xz"],
    ["zst", "zstd"],
  ])("is read in a module .ko.%s with the program %s, where there is one", (suffix, program) => {
    const path = `modules/updates/scst_user.ko.${suffix}`;
    put(path, gzipSync(module));
    const before = process.env["PATH"];
    try {
      // One that is asked as it should be, and has learnt gzip.
      put(`bin/${program}`, `#!/bin/sh\n[ "$*" = -dc ] && exec ${gzip} -dc\n`);
      chmodSync(join(folder, "bin", program), 0o755);
      process.env["PATH"] = join(folder, "bin");
      expect(find()).toEqual([`${OF_MODULE} (/${path})`]);
      process.env["PATH"] = join(folder, "none");
      expect(find()).toEqual([]);
    } finally {
      process.env["PATH"] = before;
    }
  });

  test("is not read in what only has the module's name", () => {
    put("modules/extra/scst_user.ko", "no version");
    put("modules/extra/scst_user.ko.gz", "no gzip");
    put("modules/extra/scst.ko", module);
    expect(find()).toEqual([]);
  });

  test("all that a module holds is offered, once each", () => {
    const other = `3.11.0-pre${"c".repeat(40)}${"b".repeat(40)}`;
    put("modules/extra/scst_user.ko", `${OF_MODULE}\0${other}\0${OF_MODULE}\0`);
    expect(find()).toEqual([
      `${OF_MODULE} (/modules/extra/scst_user.ko)`,
      `${other} (/modules/extra/scst_user.ko)`,
    ]);
  });

  test.each([[""], ["a b"], ["x".repeat(128)]])("%j is refused", (given) => {
    expect(() => find({}, given)).toThrow(/it must be 1 to 127 visible ASCII characters/);
  });
});
