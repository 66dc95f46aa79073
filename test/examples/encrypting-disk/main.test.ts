import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { beforeAll, describe, expect, test } from "vitest";

import { type Options, parseOptions } from "../../../examples/encrypting-disk/options.ts";
import { serve } from "../../../examples/encrypting-disk/serve.ts";
import {
  addKey,
  changeKey,
  dump,
  format,
  removeKey,
  repair,
} from "../../../examples/encrypting-disk/volume.ts";
import { encryptedStore, fileStore } from "../../../src/sdk/index.ts";
import { scratchFiles } from "../../sdk/storage/scratch-file.ts";

const root = join(import.meta.dirname, "../../..");
const newFile = scratchFiles();
const flags = ["--import", "tsx", "--conditions=source"];
const program = join(root, "examples/encrypting-disk/main.ts");
const QUICK = ["--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000"];

const keyFile = (text: string) => {
  const file = newFile(0);
  writeFileSync(file, text);
  return file;
};

const COMMANDS = {
  format,
  "add-key": addKey,
  "change-key": changeKey,
  "remove-key": removeKey,
  dump,
  repair,
  serve: async (options: Options) => await (await serve(options, () => undefined)).stop(),
};

/** What a command prints. */
async function run(...words: string[]): Promise<string> {
  const options = parseOptions(words)!;
  return (await COMMANDS[options.command](options)) ?? "";
}

let key: string;
let other: string;
let image: string;

beforeAll(async () => {
  key = keyFile("secret");
  other = keyFile("other");
  image = newFile(0);
  rmSync(image);
  const made = await run(
    "format",
    image,
    "--size=1M",
    "--label=test",
    `--key-file=${key}`,
    ...QUICK,
  );
  expect(made).toBe("");
});

const digest = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");

describe("encrypting-disk", () => {
  test("format makes a file for nobody else, and overwrites none", async () => {
    expect(statSync(image)).toMatchObject({ size: 17 * 2 ** 20, mode: 0o100600 });
    const before = digest(image);
    const again = run("format", image, `--key-file=${key}`, ...QUICK);
    await expect(again).rejects.toThrow("is not empty");
    expect(digest(image)).toBe(before);
  });

  test("what format made is gone where it fails", async () => {
    const file = `${image}.none`;
    const words = ["--size=1M", "--sector-size=100", `--key-file=${key}`, ...QUICK];
    await expect(run("format", file, ...words)).rejects.toThrow("sectorSize 100");
    expect(existsSync(file)).toBe(false);
  });

  test("a header of its own", async () => {
    const [file, header] = [`${image}.data`, `${image}.header`];
    const words = [file, `--header=${header}`, `--key-file=${key}`];
    await run("format", ...words, "--size=1M", ...QUICK);
    expect([statSync(file).size, statSync(header).size]).toEqual([2 ** 20, 2 ** 24]);
    await run("serve", ...words, "--nbd=127.0.0.1:0");
    await expect(run("dump", file)).rejects.toThrow("has no LUKS2 header");
  });

  test("passphrases, dump and repair", async () => {
    const keys = [`--key-file=${key}`, `--new-key-file=${other}`];
    expect(await run("add-key", image, ...keys, ...QUICK)).toBe("key slot 1 is new");
    const dumped = await run("dump", image);
    expect(dumped).toMatch(/^label {3}test$/m);
    expect(dumped).toMatch(/^key 1 {3}512 bits, pbkdf2, sha256, 1000 iterations; from byte \d+$/m);
    expect(JSON.parse(await run("dump", image, "--json"))).toHaveProperty("keyslots.1.kdf");
    const third = [`--key-file=${other}`, `--new-key-file=${keyFile("third")}`];
    const changed = await run("change-key", image, ...third, ...QUICK);
    expect(changed).toBe("key slot 1 has the new passphrase");
    await expect(run("remove-key", image, `--key-file=${other}`)).rejects.toThrow("no key slot");
    expect(await run("remove-key", image, "--key-slot=1")).toBe("key slot 1 is gone");
    await expect(run("remove-key", image, "--key-slot=0")).rejects.toThrow("is the last one");
    expect(await run("repair", image)).toBe("both copies of the header were whole");
  });

  test.each([
    ["a wrong passphrase", 17 * 2 ** 20, "opens with that"],
    ["a file cut short", 2 ** 20, "LUKS2 header tells of"],
    ["no header", 0, "has no LUKS2 header"],
  ])("%s: nothing is served or written", async (_name, size, message) => {
    const copy = newFile(0);
    writeFileSync(copy, readFileSync(image));
    truncateSync(copy, size);
    const before = digest(copy);
    const done = run("serve", copy, "--nbd=127.0.0.1:0", `--key-file=${other}`);
    await expect(done).rejects.toThrow(message);
    expect(digest(copy)).toBe(before);
  });

  test("tells what is wrong, and with which exit code", () => {
    const codes = [["dump"], ["dump", `${image}.none`]].map((words) => {
      const args = [...flags, program, ...words];
      const done = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
      return [done.status, done.stderr.split("\n")[0]];
    });
    expect(codes).toEqual([
      [2, "encrypting-disk: dump: there must be one FILE"],
      [1, expect.stringContaining("ENOENT")],
    ]);
  });

  test("serves until SIGTERM", async () => {
    const words = ["--iscsi=127.0.0.1:0", "--nbd=127.0.0.1:0", "--name=disk1", `--key-file=${key}`];
    const lines = await served("serve", image, ...words);
    expect(lines).toEqual([
      expect.stringMatching(
        /^disk1 {2}iscsi:\/\/127\.0\.0\.1:\d+\/iqn.2026-11.io.scst-user:disk1\/0$/,
      ),
      expect.stringMatching(/^disk1 {2}nbd:\/\/127\.0\.0\.1:\d+\/disk1$/),
    ]);
  });

  test("plain mode has no header, and the key as it is", async () => {
    const file = newFile(2 ** 20);
    const bytes = Buffer.from(Array.from({ length: 64 }, (_, i) => i));
    const raw = newFile(0);
    writeFileSync(raw, bytes);
    expect(
      await served("serve", file, "--plain", "--nbd=127.0.0.1:0", `--key-file=${raw}`),
    ).toEqual([expect.stringContaining("nbd://")]);
    const store = encryptedStore(fileStore(file), bytes);
    expect(store.size).toBe(2 ** 20);
    await store.close();
  });
});

/** What the program prints before it is ready; then it is ended. */
async function served(...words: string[]): Promise<string[]> {
  const child = spawn(process.execPath, [...flags, program, ...words], { cwd: root });
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    if (line === "ready") break;
    lines.push(line);
  }
  child.kill("SIGTERM");
  if (child.exitCode === null) await once(child, "exit");
  expect(child.exitCode).toBe(0);
  return lines;
}
