import { createHash } from "node:crypto";

import { UsageError } from "../../../protocol/errors.ts";

/** Who the disk says it is: INQUIRY and the VPD pages. */
export interface DiskIdentity {
  /** T10 VENDOR IDENTIFICATION, at most 8 characters. */
  readonly vendor: string;
  /** PRODUCT IDENTIFICATION, at most 16 characters. */
  readonly product: string;
  /** PRODUCT REVISION LEVEL, at most 4 characters. */
  readonly revision: string;
  /** PRODUCT SERIAL NUMBER of VPD page 80h. */
  readonly serial: string;
  /** The NAA designator of VPD page 83h: 8 bytes, locally assigned. */
  readonly naa: Uint8Array;
}

const SERIAL_CHARACTERS_MAX = 64;
/** The package's version, major and minor. */
const REVISION = "0.1";

/** Checks the parts that are given, and derives the others from the device's name. */
export function diskIdentity(
  name: string,
  given: { vendor?: string; product?: string; revision?: string; serial?: string },
): DiskIdentity {
  const serial = given.serial ?? sha256(name).toString("hex").slice(0, 16);
  checkText("serial", serial, SERIAL_CHARACTERS_MAX);
  return {
    vendor: checkText("vendor", given.vendor ?? "SCST_TS", 8),
    product: checkText("product", given.product ?? printable(name).slice(0, 16), 16),
    revision: checkText("revision", given.revision ?? REVISION, 4),
    serial,
    naa: locallyAssigned(serial),
  };
}

/** SPC-5, "NAA Locally Assigned designator format": 3h, then 60 bits as one likes. */
function locallyAssigned(serial: string): Uint8Array {
  const naa = Uint8Array.from(sha256(serial).subarray(0, 8));
  naa[0] = 0x30 | ((naa[0] as number) & 0x0f);
  return naa;
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** SPC-5, "ASCII data field requirements": codes 20h to 7Eh. */
function checkText(option: string, value: string, charactersMax: number): string {
  if (value.length > charactersMax || value.trim() === "" || value !== printable(value)) {
    throw new UsageError(
      "DISK_IDENTITY",
      `${option} ${JSON.stringify(value)}: it must have 1 to ${charactersMax} ASCII characters`,
    );
  }
  return value;
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "_");
}
