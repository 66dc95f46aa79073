import { crc32c } from "../../../protocol/iscsi/digest.ts";
import { SENSE } from "../../../protocol/scsi/index.ts";
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
  putCheck(whole, block.length, checkOf(mode.protectionMethod, block));
  return whole;
}

/** A block as the host sent it, without its protection information, which must be right. */
export function unprotectedBlock(mode: ModeParameters, sent: Uint8Array): Uint8Array | Outcome {
  if (mode.protectionMethod === PROTECTION_METHOD.NONE || !mode.protectWrites) return sent;
  const length = sent.length - PROTECTION_BYTES;
  if (length < 1) return METHOD_ERROR;
  const block = sent.subarray(0, length);
  const expected = Buffer.alloc(PROTECTION_BYTES);
  putCheck(expected, 0, checkOf(mode.protectionMethod, block));
  return expected.equals(sent.subarray(length)) ? block : GUARD_FAILED;
}

function checkOf(_method: number, block: Uint8Array): number {
  return crc32c(block);
}

/** The least significant byte first, as CRC32C goes over wires. */
function putCheck(into: Buffer, at: number, check: number): void {
  into.writeUInt32LE(check, at);
}

const GUARD_FAILED = checkCondition(SENSE.LOGICAL_BLOCK_GUARD_CHECK_FAILED);
const METHOD_ERROR = checkCondition(SENSE.LOGICAL_BLOCK_PROTECTION_METHOD_ERROR);
