/** The data of a step: what the device reads, and what it must be given to write. */
import type { CommandStep } from "./trace.ts";

const WRITE_16 = 0x8a;
const WRITE_SAME: readonly number[] = [0x41, 0x93];
const COMPARE_AND_WRITE = 0x89;

/** What the device reads: what the initiator got, or what COMPARE AND WRITE compares with. */
export function dataRead(
  { result, dataInLength }: CommandStep,
  dataOut: Uint8Array | undefined,
): Uint8Array | undefined {
  const { bytes, cut } = result.dataIn;
  if (cut) return new Uint8Array(dataInLength).fill(bytes[0] as number);
  return bytes.length > 0 ? bytes : dataOut;
}

/**
 * What must be in the buffer of a command that the initiator's command led to, having sent `sent`:
 * a command of the core's own writes a part of it, or again and again.
 *
 * @param cdb the command at the handler
 */
export function dataWritten(
  cdb: Uint8Array,
  length: number,
  step: CommandStep,
  sent: Uint8Array,
): Uint8Array | undefined {
  const [opcode] = cdb;
  const [asked] = step.cdb;
  const into = new Uint8Array(length);
  if (opcode === asked) {
    into.set(sent.subarray(0, length));
  } else if (opcode === WRITE_16 && WRITE_SAME.includes(asked as number)) {
    for (let at = 0; at < length; at += sent.length) into.set(sent.subarray(0, length - at), at);
  } else if (opcode === WRITE_16 && asked === COMPARE_AND_WRITE) {
    into.set(sent.subarray(sent.length / 2));
  } else {
    return undefined;
  }
  return into;
}
