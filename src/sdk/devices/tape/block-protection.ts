import { SENSE } from "../../../protocol/scsi/index.ts";
import { crc32c } from "../../../runtime/crc.ts";
import { checkCondition, type Outcome } from "../../outcome.ts";
import type { ModeParameters } from "./tape-unit.ts";

/** LBP METHOD (SSC-5, "Logical block protection"). */
export const PROTECTION_METHOD = { NONE: 0, REED_SOLOMON_CRC: 1, CRC32C: 2 } as const;

/** What the drive can do, as VPD page B5h lists it. */
export const PROTECTION_METHODS: readonly number[] = Object.values(PROTECTION_METHOD);

/** LBP INFORMATION LENGTH of every method. */
export const PROTECTION_BYTES = 4;

/** A block as the host gets it: with its protection information behind it, where that is on. */
export function protectedBlock(mode: ModeParameters, block: Uint8Array): Uint8Array {
  if (mode.protectionMethod === PROTECTION_METHOD.NONE || !mode.protectReads) return block;
  const whole = Buffer.allocUnsafe(block.length + PROTECTION_BYTES);
  whole.set(block);
  putCheck(whole, block.length, mode.protectionMethod, block);
  return whole;
}

/** A block as the host sent it, without its protection information, which must be right. */
export function unprotectedBlock(mode: ModeParameters, sent: Uint8Array): Uint8Array | Outcome {
  if (mode.protectionMethod === PROTECTION_METHOD.NONE || !mode.protectWrites) return sent;
  const length = sent.length - PROTECTION_BYTES;
  if (length < 1) return METHOD_ERROR;
  const block = sent.subarray(0, length);
  const expected = Buffer.alloc(PROTECTION_BYTES);
  putCheck(expected, 0, mode.protectionMethod, block);
  return expected.equals(sent.subarray(length)) ? block : GUARD_FAILED;
}

/** The four bytes behind a block; each method has an order of its own. */
function putCheck(into: Buffer, at: number, method: number, block: Uint8Array): void {
  if (method === PROTECTION_METHOD.CRC32C) into.writeUInt32LE(crc32c(block), at);
  else into.writeUInt32BE(reedSolomonCrc(block), at);
}

/** x^8 + x^4 + x^3 + x^2 + 1, and the generator x^4 + 38x^3 + CFx^2 + 38x + 1 (ECMA-319). */
const FIELD = 0x11d;
const GENERATOR = [0x38, 0xcf, 0x38, 0x01] as const;

/** By what stands in the first byte: the remainder that it leaves. */
const REMAINDERS = Uint32Array.from({ length: 256 }, (_, value) =>
  GENERATOR.reduce((word, factor) => ((word << 8) | product(value, factor)) >>> 0, 0),
);

/** Multiplication in GF(256). */
function product(a: number, b: number): number {
  let result = 0;
  for (let left = a, right = b; right > 0; right >>= 1) {
    if ((right & 1) !== 0) result ^= left;
    left <<= 1;
    if (left > 0xff) left ^= FIELD;
  }
  return result;
}

/** The Reed-Solomon CRC of ECMA-319 that LTO drives use. */
export function reedSolomonCrc(block: Uint8Array): number {
  let crc = 0;
  for (let i = 0; i < block.length; i++) {
    crc = (crc << 8) ^ (REMAINDERS[(block[i] as number) ^ (crc >>> 24)] as number);
  }
  return crc >>> 0;
}

const GUARD_FAILED = checkCondition(SENSE.LOGICAL_BLOCK_GUARD_CHECK_FAILED);
const METHOD_ERROR = checkCondition(SENSE.LOGICAL_BLOCK_PROTECTION_METHOD_ERROR);
