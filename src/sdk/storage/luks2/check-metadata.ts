import { ProtocolError } from "../../../protocol/errors.ts";
import { HASHES } from "./anti-forensic.ts";
import { CIPHER, type Metadata } from "./metadata.ts";

/** What a header may ask of this machine: one that asks for more is refused before it gets it. */
export const LUKS2_LIMITS = {
  keySlotsMax: 32,
  argonMemoryKibMax: 4 * 1024 * 1024,
  argonTimeMax: 1_000_000,
  argonCpusMax: 4,
  pbkdf2IterationsMax: 2 ** 31 - 1,
  stripesMax: 4000,
  saltBytesMax: 64,
} as const;

/** Bytes of volume keys and of keys of areas. */
const KEY_SIZES = [32, 64];
const SECTOR_SIZES = [512, 1024, 2048, 4096];

/**
 * The JSON of a header, with every value that this library uses looked at.
 *
 * @param areasStart where the areas of key slots begin, in bytes
 * @throws ProtocolError LUKS2_METADATA which value, and what it must be
 */
export function checkMetadata(found: unknown, areasStart: number): Metadata {
  const root = new Place("", found);
  const config = root.object("config");
  config.decimal("json_size");
  const areasEnd = areasStart + config.decimal("keyslots_size");
  refuseRequirements(config);
  if (config.has("flags")) config.array("flags");
  const slots = root.object("keyslots").members();
  if (slots.length > LUKS2_LIMITS.keySlotsMax) throw root.wrong("keyslots", "32 at most");
  for (const slot of slots) checkSlot(slot, areasStart, areasEnd);
  const segments = root.object("segments").members();
  const [segment] = segments;
  if (segment === undefined || segments.length !== 1) {
    throw root.wrong("segments", "one: a volume that is being encrypted anew can't be used here");
  }
  checkSegment(segment);
  for (const digest of root.object("digests").members()) checkDigest(digest);
  root.object("tokens");
  return found as Metadata;
}

/** Something that a volume needs and this library has not, such as an unfinished re-encryption. */
function refuseRequirements(config: Place): void {
  if (!config.has("requirements")) return;
  const requirements = config.object("requirements");
  if (!requirements.has("mandatory")) return;
  if (requirements.array("mandatory").length > 0) {
    throw requirements.wrong("mandatory", "empty: they are not known here");
  }
}

function checkSlot(slot: Place, areasStart: number, areasEnd: number): void {
  slot.oneOf("type", ["luks2"]);
  const keySize = slot.oneOf("key_size", KEY_SIZES);
  const split = slot.object("af");
  split.oneOf("type", ["luks1"]);
  const stripes = split.number("stripes", 2, LUKS2_LIMITS.stripesMax);
  split.oneOf("hash", HASHES);
  const area = slot.object("area");
  area.oneOf("type", ["raw"]);
  area.oneOf("encryption", [CIPHER]);
  area.oneOf("key_size", KEY_SIZES);
  const offset = area.decimal("offset");
  const size = area.decimal("size");
  if (offset < areasStart || offset + size > areasEnd || offset % 512 !== 0) {
    throw area.wrong("offset", `within ${areasStart} and ${areasEnd} with the size`);
  }
  if (size < keySize * stripes) throw area.wrong("size", `at least ${keySize * stripes}`);
  checkKdf(slot.object("kdf"));
}

function checkKdf(kdf: Place): void {
  const type = kdf.oneOf("type", ["argon2id", "argon2i", "pbkdf2"]);
  kdf.base64("salt", 8, LUKS2_LIMITS.saltBytesMax);
  if (type === "pbkdf2") {
    kdf.oneOf("hash", HASHES);
    kdf.number("iterations", 1, LUKS2_LIMITS.pbkdf2IterationsMax);
    return;
  }
  kdf.number("time", 1, LUKS2_LIMITS.argonTimeMax);
  kdf.number("cpus", 1, LUKS2_LIMITS.argonCpusMax);
  kdf.number("memory", 32, LUKS2_LIMITS.argonMemoryKibMax);
}

function checkSegment(segment: Place): void {
  segment.oneOf("type", ["crypt"]);
  if (segment.has("integrity")) throw segment.wrong("integrity", "absent: it is not known here");
  segment.oneOf("encryption", [CIPHER]);
  const sectorSize = segment.oneOf("sector_size", SECTOR_SIZES);
  segment.decimal("iv_tweak");
  if (segment.decimal("offset") % 512 !== 0) throw segment.wrong("offset", "a multiple of 512");
  if (segment.text("size") !== "dynamic" && segment.decimal("size") % sectorSize !== 0) {
    throw segment.wrong("size", `"dynamic" or a multiple of ${sectorSize}`);
  }
}

function checkDigest(digest: Place): void {
  digest.oneOf("type", ["pbkdf2"]);
  digest.array("keyslots");
  digest.array("segments");
  digest.oneOf("hash", HASHES);
  digest.number("iterations", 1, LUKS2_LIMITS.pbkdf2IterationsMax);
  digest.base64("salt", 8, LUKS2_LIMITS.saltBytesMax);
  digest.base64("digest", 16, 64);
}

/** An object of the JSON, which knows where it is. */
class Place {
  readonly #path: string;
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(path: string, value: unknown) {
    this.#path = path;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new ProtocolError("LUKS2_METADATA", `LUKS2 header: ${path || "it"} is no object`);
    }
    this.#members = value as Readonly<Record<string, unknown>>;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#members, name);
  }

  object(name: string): Place {
    return new Place(this.#pathOf(name), this.#get(name));
  }

  members(): Place[] {
    return Object.keys(this.#members).map((name) => this.object(name));
  }

  array(name: string): readonly unknown[] {
    const value = this.#get(name);
    if (!Array.isArray(value)) throw this.wrong(name, "an array");
    return value;
  }

  oneOf<T>(name: string, values: readonly T[]): T {
    const value = this.#get(name) as T;
    if (!values.includes(value)) throw this.wrong(name, `one of ${values.join(", ")}`);
    return value;
  }

  number(name: string, min: number, max: number): number {
    const value = this.#get(name);
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
      return value;
    }
    throw this.wrong(name, `a whole number from ${min} to ${max}`);
  }

  /** A number as a string of digits. */
  decimal(name: string): number {
    const value = this.text(name);
    const number = Number(value);
    if (/^\d+$/.test(value) && Number.isSafeInteger(number)) return number;
    throw this.wrong(name, "a decimal number below 2^53");
  }

  base64(name: string, min: number, max: number): void {
    const { length } = Buffer.from(this.text(name), "base64");
    if (length < min || length > max) throw this.wrong(name, `${min} to ${max} bytes in Base64`);
  }

  text(name: string): string {
    const value = this.#get(name);
    if (typeof value !== "string") throw this.wrong(name, "a string");
    return value;
  }

  wrong(name: string, rule: string): ProtocolError {
    const shown = JSON.stringify(this.#get(name)).slice(0, 60);
    const path = this.#pathOf(name);
    return new ProtocolError(
      "LUKS2_METADATA",
      `LUKS2 header: ${path} ${shown}: it must be ${rule}`,
    );
  }

  #get(name: string): unknown {
    return this.has(name) ? this.#members[name] : null;
  }

  #pathOf(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }
}
