import { readFileSync, statSync } from "node:fs";

import { CHAP_SECRET_LENGTH_MAX, type ChapOptions, type ChapUser, UsageError } from "scst-user";

/** What the command line says of CHAP: each word is USER:FILE. */
export interface ChapWords {
  readonly users: readonly string[];
  readonly mutual: string | undefined;
}

/** Others than the owner may read, write or execute it. */
const OTHERS_MASK = 0o007;
/** A secret and the end of its line. */
const FILE_LENGTH_MAX = CHAP_SECRET_LENGTH_MAX + 2;

/**
 * Reads the secrets.
 *
 * @param warn is told of files that others can read
 * @throws UsageError which option, and what is wrong with it or its file; never the secret
 */
export function chapFrom(
  option: string,
  { users, mutual }: ChapWords,
  warn: (message: string) => void,
): ChapOptions | undefined {
  if (users.length === 0) {
    if (mutual === undefined) return undefined;
    throw new UsageError("OPTION", `--mutual-chap needs ${option}: it is the other direction`);
  }
  return {
    users: users.map((word) => userFrom(option, word, warn)),
    mutual: mutual === undefined ? undefined : userFrom("--mutual-chap", mutual, warn),
  };
}

function userFrom(option: string, word: string, warn: (message: string) => void): ChapUser {
  const colon = word.indexOf(":");
  if (colon < 1 || colon === word.length - 1) {
    throw new UsageError("OPTION", `${option} ${word}: it must be USER:FILE`);
  }
  const path = word.slice(colon + 1);
  return { name: word.slice(0, colon), secret: secretFrom(option, path, warn) };
}

/** The first line of a file, as bytes. @throws UsageError what is wrong with it */
export function secretFrom(
  option: string,
  path: string,
  warn: (message: string) => void,
): Uint8Array {
  let bytes: Uint8Array;
  try {
    const { mode, size } = statSync(path);
    if (size > FILE_LENGTH_MAX) {
      throw new UsageError("OPTION", `${option}: ${path} has ${size} bytes: that is no secret`);
    }
    if ((mode & OTHERS_MASK) !== 0) warn(`${path}: everybody can read this secret (chmod 600)`);
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError("OPTION", `${option}: ${(error as Error).message}`, { cause: error });
  }
  const end = bytes.findIndex((byte) => byte === 0x0a || byte === 0x0d);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
