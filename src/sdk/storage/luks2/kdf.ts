import { pbkdf2 as pbkdf2WithCallback, randomBytes } from "node:crypto";
import { totalmem } from "node:os";
import { promisify } from "node:util";

import { UsageError } from "../../../protocol/errors.ts";
import { LUKS2_LIMITS } from "./check-metadata.ts";
import type { Kdf } from "./metadata.ts";

/** What a new key slot costs whoever tries a passphrase. */
export type KdfOptions =
  | {
      readonly type: "argon2id";
      /** Passes over the memory. 4. */
      readonly time?: number;
      /** KiB. 1 GiB, or half of what the machine has. */
      readonly memory?: number;
      /** Lanes. 4. */
      readonly cpus?: number;
    }
  | {
      readonly type: "pbkdf2";
      /** Of SHA-256. 2,000,000. */
      readonly iterations?: number;
    };

const SALT_BYTES = 32;
const ARGON_MEMORY_KIB = 1024 * 1024;
/** cryptsetup's own lowest values. */
const LOWEST = { time: 4, memory: 32, iterations: 1000 } as const;

const pbkdf2 = promisify(pbkdf2WithCallback);

/** A new derivation, with a salt of its own. @throws UsageError LUKS2_KDF */
export function newKdf(options: KdfOptions = { type: "argon2id" }): Kdf {
  const salt = randomBytes(SALT_BYTES).toString("base64");
  if (options.type === "pbkdf2") {
    const { iterations = 2_000_000 } = options;
    check("iterations", iterations, LOWEST.iterations, LUKS2_LIMITS.pbkdf2IterationsMax);
    return { type: "pbkdf2", hash: "sha256", iterations, salt };
  }
  const half = Math.floor(totalmem() / 2 / 1024);
  const { time = 4, memory = Math.min(ARGON_MEMORY_KIB, half), cpus = 4 } = options;
  check("time", time, LOWEST.time, LUKS2_LIMITS.argonTimeMax);
  check("memory in KiB", memory, LOWEST.memory, LUKS2_LIMITS.argonMemoryKibMax);
  check("cpus", cpus, 1, LUKS2_LIMITS.argonCpusMax);
  return { type: "argon2id", time, memory, cpus, salt };
}

/**
 * The key that a passphrase gives, on another thread.
 *
 * @throws UsageError LUKS2_ARGON2 where the package that has Argon2 is missing
 */
export async function deriveKey(
  passphrase: Uint8Array,
  kdf: Kdf,
  length: number,
): Promise<Uint8Array> {
  const salt = Buffer.from(kdf.salt, "base64");
  if (kdf.type === "pbkdf2")
    return await pbkdf2(passphrase, salt, kdf.iterations, length, kdf.hash);
  const { hashRaw } = await loadArgon2();
  // The package's Algorithm is a const enum, whose members can't be named from another module.
  const options: object = {
    algorithm: kdf.type === "argon2id" ? 2 : 1,
    salt,
    timeCost: kdf.time,
    memoryCost: kdf.memory,
    parallelism: kdf.cpus,
    outputLen: length,
  };
  return await hashRaw(passphrase, options);
}

async function loadArgon2() {
  try {
    return await import("@node-rs/argon2");
  } catch (cause) {
    throw new UsageError(
      "LUKS2_ARGON2",
      "key slots with Argon2 need the package @node-rs/argon2, which is not installed",
      { cause },
    );
  }
}

function check(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new UsageError("LUKS2_KDF", `${name} ${value}: it must be from ${min} to ${max}`);
}
