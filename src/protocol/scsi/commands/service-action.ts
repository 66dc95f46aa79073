/** Where a CDB's service action stands, if its opcode has any. */
export interface ServiceActionPlace {
  readonly at: number;
  /** 1: the low five bits of the byte. 2: two bytes. */
  readonly size: 1 | 2;
}

const inByte1: ServiceActionPlace = { at: 1, size: 1 };
// SPC-5, "Variable length CDB formats".
const inBytes8And9: ServiceActionPlace = { at: 8, size: 2 };

/** The service action's place for opcodes that have them in every command set. */
export function serviceActionPlace(opcode: number): ServiceActionPlace {
  return opcode === 0x7f ? inBytes8And9 : inByte1;
}

export function serviceActionOf(cdb: Uint8Array, { at, size }: ServiceActionPlace): number {
  if (size === 1) return (cdb[at] as number) & 0x1f;
  return ((cdb[at] as number) << 8) | (cdb[at + 1] as number);
}
