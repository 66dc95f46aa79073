import { createHash } from "node:crypto";

import { UsageError } from "../../protocol/errors.ts";

/** Who a device says it is: INQUIRY and the VPD pages. */
export interface DeviceIdentity {
  /** T10 VENDOR IDENTIFICATION, at most 8 characters. */
  readonly vendor: string;
  /** PRODUCT IDENTIFICATION, at most 16 characters. */
  readonly product: string;
  /** PRODUCT REVISION LEVEL, at most 4 characters. */
  readonly revision: string;
  /** PRODUCT SERIAL NUMBER of VPD page 80h. */
  readonly serial: string;
  /** What follows the vendor in the T10 vendor ID designator of VPD page 83h. */
  readonly t10DeviceId: string;
  /** The NAA designator of VPD page 83h: 8 or 16 bytes. */
  readonly naa: Uint8Array;
  /** The EUI-64 designator: 8, 12 or 16 bytes. */
  readonly eui64: Uint8Array | undefined;
}

export interface IdentityOptions {
  /**
   * The device's name: where the product identification and the serial number come from unless
   * they are given. The name of the store by default.
   */
  readonly name?: string;
  /** T10 VENDOR IDENTIFICATION, at most 8 characters. */
  readonly vendor?: string;
  /** PRODUCT IDENTIFICATION, at most 16 characters. */
  readonly product?: string;
  /** PRODUCT REVISION LEVEL, at most 4 characters. */
  readonly revision?: string;
  /**
   * The serial number, at most 64 characters; the NAA identifier derives from it. Two disks that
   * one host can see must have different ones: it takes them for two paths to one disk otherwise.
   */
  readonly serial?: string;
  /**
   * What the T10 vendor ID designator has after the vendor, at most 200 characters; serial number
   * and product by default. Some hosts compare the first eight characters only.
   */
  readonly t10DeviceId?: string;
  /** The NAA designator: 16 or 32 hexadecimal digits, the first one 2, 3, 5 or 6. */
  readonly naa?: string;
  /** An EUI-64 designator: 16, 24 or 32 hexadecimal digits. None by default. */
  readonly eui64?: string;
}

const SERIAL_CHARACTERS_MAX = 64;
const T10_CHARACTERS_MAX = 200;
/** The package's version, major and minor. */
const REVISION = "0.1";

/** Checks the parts that are given, and derives the others from the device's name. */
export function deviceIdentity(name: string, given: IdentityOptions): DeviceIdentity {
  const serial = checkText(
    "serial",
    given.serial ?? sha256(name).toString("hex").slice(0, 16),
    SERIAL_CHARACTERS_MAX,
  );
  const product = checkText("product", given.product ?? printable(name).slice(0, 16), 16);
  const t10DeviceId = given.t10DeviceId ?? `${serial}-${product}`;
  return {
    vendor: checkText("vendor", given.vendor ?? "SCST_TS", 8),
    product,
    revision: checkText("revision", given.revision ?? REVISION, 4),
    serial,
    t10DeviceId: checkText("t10DeviceId", t10DeviceId, T10_CHARACTERS_MAX),
    naa: given.naa === undefined ? locallyAssigned(serial) : checkNaa(given.naa),
    eui64: given.eui64 === undefined ? undefined : checkHex("eui64", given.eui64, [8, 12, 16]),
  };
}

/** SPC-5, "NAA Locally Assigned designator format": 3h, then 60 bits as one likes. */
function locallyAssigned(serial: string): Uint8Array {
  const naa = Uint8Array.from(sha256(serial).subarray(0, 8));
  naa[0] = 0x30 | ((naa[0] as number) & 0x0f);
  return naa;
}

/** SPC-5, "NAA designator format": only 6h, IEEE Registered Extended, has 16 bytes. */
function checkNaa(text: string): Uint8Array {
  const naa = checkHex("naa", text, [8, 16]);
  const kind = (naa[0] as number) >> 4;
  const known = naa.length === 16 ? [6] : [2, 3, 5];
  if (known.includes(kind)) return naa;
  throw new UsageError(
    "DEVICE_IDENTITY",
    `naa ${text}: 16 digits must begin with 2, 3 or 5, and 32 digits with 6`,
  );
}

function checkHex(option: string, text: string, lengths: readonly number[]): Uint8Array {
  const digits = text.replace(/^0x/i, "");
  if (/^[\da-f]+$/i.test(digits) && lengths.includes(digits.length / 2)) {
    return Uint8Array.from(Buffer.from(digits, "hex"));
  }
  const counts = lengths.map((length) => length * 2).join(" or ");
  throw new UsageError(
    "DEVICE_IDENTITY",
    `${option} ${JSON.stringify(text)}: it must have ${counts} hexadecimal digits`,
  );
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** SPC-5, "ASCII data field requirements": codes 20h to 7Eh. */
function checkText(option: string, value: string, charactersMax: number): string {
  if (value.length > charactersMax || value.trim() === "" || value !== printable(value)) {
    throw new UsageError(
      "DEVICE_IDENTITY",
      `${option} ${JSON.stringify(value)}: it must have 1 to ${charactersMax} ASCII characters`,
    );
  }
  return value;
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "_");
}
