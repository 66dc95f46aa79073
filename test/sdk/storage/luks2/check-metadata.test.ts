import { beforeAll, describe, expect, test } from "vitest";

import { checkMetadata } from "../../../../src/sdk/storage/luks2/check-metadata.ts";
import { openLuks2 } from "../../../../src/sdk/storage/luks2/luks2.ts";
import { newVolume } from "./volumes.ts";

const AREAS_START = 32 * 1024;

let good: string;

beforeAll(async () => {
  good = JSON.stringify((await openLuks2(await newVolume())).header.metadata);
});

/** The metadata with `value` at `path`; undefined takes it away. */
function changed(path: string, value: unknown): unknown {
  const root = JSON.parse(good) as Record<string, unknown>;
  const names = path.split(".");
  let place = root;
  for (const name of names.slice(0, -1)) place = place[name] as Record<string, unknown>;
  place[names.at(-1)!] = value;
  return JSON.parse(JSON.stringify(root));
}

test("what this library writes passes, and what it does not know stays", () => {
  expect(checkMetadata(JSON.parse(good), AREAS_START)).toEqual(JSON.parse(good));
  const token = { type: "systemd-tpm2", keyslots: ["0"] };
  const found = checkMetadata(changed("tokens.0", token), AREAS_START);
  expect(found.tokens).toEqual({ "0": token });
});

describe("refused", () => {
  test.each([
    ["keyslots", []],
    ["keyslots", undefined],
    ["keyslots", Object.fromEntries(Array.from({ length: 33 }, (_, i) => [i, {}]))],
    ["keyslots.0.type", "reencrypt"],
    ["keyslots.0.key_size", 48],
    ["keyslots.0.af.stripes", 2 ** 31],
    ["keyslots.0.af.hash", "md4"],
    ["keyslots.0.area.encryption", "serpent-xts-plain64"],
    ["keyslots.0.area.offset", "0"],
    ["keyslots.0.area.offset", "99999999999"],
    ["keyslots.0.area.offset", "9".repeat(20)],
    ["keyslots.0.area.offset", 32_768],
    ["keyslots.0.area.offset", "-1"],
    ["keyslots.0.area.size", "512"],
    ["keyslots.0.kdf.type", "scrypt"],
    ["keyslots.0.kdf.iterations", 2 ** 40],
    ["keyslots.0.kdf.salt", ""],
    [
      "keyslots.0.kdf",
      { type: "argon2id", time: 4, memory: 2 ** 40, cpus: 4, salt: "AAAAAAAAAAAA" },
    ],
    ["keyslots.0.kdf", { type: "argon2id", time: 0, memory: 64, cpus: 4, salt: "AAAAAAAAAAAA" }],
    ["segments", {}],
    ["segments.1", { type: "crypt" }],
    ["segments.0.type", "linear"],
    ["segments.0.integrity", { type: "hmac(sha256)" }],
    ["segments.0.sector_size", 8192],
    ["segments.0.offset", "100"],
    ["segments.0.size", "1000"],
    ["segments.0.size", "all"],
    ["digests.0.type", "none"],
    ["digests.0.digest", "AA"],
    ["config.requirements", { mandatory: ["online-reencrypt"] }],
    ["config.keyslots_size", "all"],
    ["tokens", null],
  ])("%s: %j", (path, value) => {
    const refusal = expect.objectContaining({ code: "LUKS2_METADATA" });
    expect(() => checkMetadata(changed(path, value), AREAS_START)).toThrow(refusal);
  });

  test.each([[null], [[]], ["text"], [7]])("%j", (value) => {
    expect(() => checkMetadata(value, AREAS_START)).toThrow("LUKS2 header: it is no object");
  });
});
