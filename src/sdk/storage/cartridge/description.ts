import { UsageError } from "../../../protocol/errors.ts";
import { FORMAT_VERSION } from "./layout.ts";

/** A MAM attribute's value (SPC-5, "MAM attribute format"). */
export interface Attribute {
  /** `ATTRIBUTE_FORMAT.…` */
  readonly format: number;
  readonly value: Uint8Array;
}

export const PARTITIONS_MAX = 4;
/** SPC-5 leaves ATTRIBUTE LENGTH two bytes; a medium's memory is small. */
export const ATTRIBUTE_BYTES_MAX = 4096;
const ATTRIBUTES_MAX = 1024;

/** What a cartridge is, as `cartridge.json` in its folder says it. */
export interface CartridgeDescription {
  readonly barcode: string;
  readonly kind: "data" | "worm" | "cleaning";
  /** DENSITY CODE of what is recorded; 0 for a cleaning cartridge. */
  readonly densityCode: number;
  readonly mediumType: number;
  /** MEDIUM SERIAL NUMBER, attribute 0401h. */
  readonly serial: string;
  /** The tab on the cartridge. */
  readonly writeProtected: boolean;
  /** What the medium holds, in bytes, and what SET CAPACITY leaves of it: 65535 is all. */
  readonly capacityBytes: number;
  readonly capacityProportion: number;
  /** Each partition's share, in bytes. */
  readonly partitions: readonly number[];
  /** Grows with each formatting; names the files. */
  readonly formatting: number;
  /** For cleaning cartridges: how often it can still be used. */
  readonly cleaningsLeft: number;
  /** By partition, then by ATTRIBUTE IDENTIFIER. */
  readonly attributes: readonly ReadonlyMap<number, Attribute>[];
}

const FORMAT = "scst-user cartridge";

/** The text of `cartridge.json`. */
export function encodeDescription(description: CartridgeDescription): Uint8Array {
  const attributes = description.attributes.map((partition) =>
    Object.fromEntries(
      [...partition]
        .sort(([a], [b]) => a - b)
        .map(([identifier, { format, value }]) => [
          identifier.toString(16).padStart(4, "0"),
          { format, hex: Buffer.from(value).toString("hex") },
        ]),
    ),
  );
  const json = { format: FORMAT, version: FORMAT_VERSION, ...description, attributes };
  return Buffer.from(`${JSON.stringify(json, undefined, 2)}\n`);
}

/** Reads `cartridge.json`. Throws UsageError `CARTRIDGE_FORMAT` where it is none. */
export function decodeDescription(bytes: Uint8Array, path: string): CartridgeDescription {
  const bad = (what: string) => new UsageError("CARTRIDGE_FORMAT", `${path}: ${what}`);
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8")) as Record<string, unknown>;
  } catch (cause) {
    throw new UsageError("CARTRIDGE_FORMAT", `${path} is no JSON`, { cause });
  }
  if (json["format"] !== FORMAT) throw bad(`format must be "${FORMAT}"`);
  if (json["version"] !== FORMAT_VERSION) {
    throw bad(`version ${String(json["version"])}: version ${FORMAT_VERSION} is known`);
  }
  const number = (name: string, max: number): number => {
    const value = json[name];
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > max) {
      throw bad(`${name} must be a whole number from 0 to ${max}`);
    }
    return value;
  };
  const text = (name: string): string => {
    const value = json[name];
    if (typeof value !== "string" || value.length > 64) throw bad(`${name} must be a short text`);
    return value;
  };
  const kind = json["kind"];
  if (kind !== "data" && kind !== "worm" && kind !== "cleaning") throw bad("kind is unknown");
  const partitions = json["partitions"];
  if (!isPartitions(partitions)) throw bad(`partitions must be 1 to ${PARTITIONS_MAX} sizes`);
  return {
    kind,
    partitions,
    barcode: text("barcode"),
    serial: text("serial"),
    densityCode: number("densityCode", 0xff),
    mediumType: number("mediumType", 0xff),
    writeProtected: json["writeProtected"] === true,
    capacityBytes: number("capacityBytes", Number.MAX_SAFE_INTEGER),
    capacityProportion: number("capacityProportion", 0xffff),
    formatting: number("formatting", 0xffff_ffff),
    cleaningsLeft: number("cleaningsLeft", 0xffff),
    attributes: partitions.map((_, index) => attributesOf(json["attributes"], index, bad)),
  };
}

function isPartitions(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= PARTITIONS_MAX &&
    value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0)
  );
}

function attributesOf(
  list: unknown,
  index: number,
  bad: (what: string) => UsageError,
): Map<number, Attribute> {
  const attributes = new Map<number, Attribute>();
  const object: unknown = Array.isArray(list) ? list[index] : undefined;
  if (typeof object !== "object" || object === null) throw bad("attributes are missing");
  const entries = Object.entries(object as Record<string, unknown>);
  if (entries.length > ATTRIBUTES_MAX) throw bad(`more than ${ATTRIBUTES_MAX} attributes`);
  for (const [identifier, entry] of entries) {
    const { format, hex } = (entry ?? {}) as { format?: unknown; hex?: unknown };
    if (!/^[0-9a-f]{4}$/.test(identifier) || typeof format !== "number" || !isHex(hex)) {
      throw bad(`attribute ${identifier} is damaged`);
    }
    attributes.set(parseInt(identifier, 16), { format, value: Buffer.from(hex, "hex") });
  }
  return attributes;
}

function isHex(value: unknown): value is string {
  return typeof value === "string" && /^([0-9a-f]{2})*$/.test(value);
}
