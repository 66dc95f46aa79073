import { describe, expect, test } from "vitest";

import { parseOptions } from "../../../examples/encrypting-disk/options.ts";

describe("what is understood", () => {
  test.each([
    [["dump", "a"], { command: "dump", file: "a", key: {} }],
    [["format", "a", "--size=10G"], { sizeBytes: 10 * 2 ** 30, kdf: { type: "argon2id" } }],
    [
      ["format", "a", "--pbkdf-memory=1024", "--pbkdf-parallel", "1"],
      { kdf: { type: "argon2id", memory: 1024, cpus: 1 } },
    ],
    [
      ["add-key", "a", "--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000"],
      { kdf: { type: "pbkdf2", iterations: 1000 } },
    ],
    [
      ["add-key", "a", "--key-env=A", "--new-key-file=b"],
      { key: { env: "A" }, newKey: { file: "b" } },
    ],
    [["serve", "a", "--iscsi"], { iscsi: { host: "127.0.0.1", port: 3260 }, nbd: undefined }],
    [["serve", "--iscsi", "a"], { file: "a", iscsi: { host: "127.0.0.1", port: 3260 } }],
    [["serve", "a", "--iscsi", "[::1]:1"], { file: "a", iscsi: { host: "::1", port: 1 } }],
    [["serve", "a", "--nbd=unix:/run/a"], { nbd: { path: "/run/a" } }],
    [["serve", "--nbd", "unix:b", "a"], { file: "a", nbd: { path: "b" } }],
    [["serve", "a", "--kernel"], { kernel: { place: undefined }, iscsi: undefined }],
    [
      ["serve", "a", "--export", "iscsi/t:3"],
      { kernel: { place: { driver: "iscsi", target: "t", lun: 3 } } },
    ],
  ])("%j", (words, expected) => {
    expect(parseOptions(words)).toMatchObject(expected);
  });

  test("--help", () => {
    expect(parseOptions(["serve", "--help"])).toBeUndefined();
  });
});

describe("what is not", () => {
  test.each([
    [[], "the command must be one of"],
    [["open", "a"], "the command must be one of"],
    [["dump"], "there must be one FILE"],
    [["dump", "a", "b"], "there must be one FILE"],
    [["dump", "a", "--size=1G"], "--size is not for dump"],
    [["dump", "a", "--colour"], "--colour"],
    [["serve", "a"], "--iscsi, --nbd or --kernel is missing"],
    [["serve", "a", "--nbd", "--kernel"], "it can't be with --iscsi or --nbd"],
    [["serve", "a", "--nbd", "--export=scst_local"], "it can't be with --iscsi or --nbd"],
    [["serve", "a", "--export=a/b/c"], "it must be DRIVER"],
    [["dump", "a", "--kernel"], "--kernel is not for dump"],
    [["serve", "a", "--iscsi=unix:b"], "it must be HOST:PORT"],
    [["serve", "a", "--iscsi=h:70000"], "it must be HOST:PORT"],
    [["format", "a", "--size=1000"], "a multiple of 4096"],
    [["format", "a", "--pbkdf=scrypt"], "argon2id or pbkdf2"],
    [["format", "a", "--pbkdf=pbkdf2", "--pbkdf-memory=64"], "for argon2id"],
    [["format", "a", "--key-file=b", "--key-env=C"], "one of --key-file"],
    [["remove-key", "a", "--key-slot=x"], "a whole number"],
  ])("%j", (words, message) => {
    expect(() => parseOptions(words)).toThrow(message);
    expect(() => parseOptions(words)).toThrow(expect.objectContaining({ code: "OPTION" }));
  });
});
