/** CDBs that tests send, by the standard's names. */

export function read10(lba: number, blocks: number): number[] {
  return tenBytes(0x28, lba, blocks);
}

export function write10(lba: number, blocks: number): number[] {
  return tenBytes(0x2a, lba, blocks);
}

function tenBytes(opcode: number, lba: number, blocks: number): number[] {
  return [opcode, 0, ...bigEndian(lba, 4), 0, ...bigEndian(blocks, 2), 0];
}

export function inquiry(allocationLength: number, page?: number): number[] {
  const evpd = page === undefined ? 0 : 1;
  return [0x12, evpd, page ?? 0, ...bigEndian(allocationLength, 2), 0];
}

export function requestSense(allocationLength: number, descriptor = false): number[] {
  return [0x03, descriptor ? 1 : 0, 0, 0, allocationLength, 0];
}

export function reportLuns(allocationLength: number, selectReport = 0): number[] {
  return [0xa0, 0, selectReport, 0, 0, 0, ...bigEndian(allocationLength, 4), 0, 0];
}

export function testUnitReady(): number[] {
  return [0, 0, 0, 0, 0, 0];
}

export function compareAndWrite(lba: number, blocks: number): number[] {
  return [0x89, 0, ...bigEndian(lba, 8), 0, 0, 0, blocks, 0, 0];
}

export function synchronizeCache10(): number[] {
  return tenBytes(0x35, 0, 0);
}

/** VARIABLE LENGTH with so many bytes in all: READ(32) where it has 32. */
export function variableLength(length: number, serviceAction: number): number[] {
  const cdb = new Array<number>(length).fill(0).map((_, i) => (i < 10 ? 0 : i & 0xff));
  cdb[0] = 0x7f;
  cdb[7] = length - 8;
  cdb[8] = serviceAction >> 8;
  cdb[9] = serviceAction & 0xff;
  return cdb;
}

function bigEndian(value: number, size: number): number[] {
  return Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** (size - 1 - i)) & 0xff);
}
