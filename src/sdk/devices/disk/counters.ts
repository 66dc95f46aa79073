/** What the log pages tell. LOG SELECT with PCR sets them to zero. */
export interface DiskCounters {
  readCommands: number;
  writeCommands: number;
  readBlocks: number;
  writtenBlocks: number;
  verifiedBlocks: number;
  readErrors: number;
  writeErrors: number;
  verifyErrors: number;
}

export function diskCounters(): DiskCounters {
  return {
    readCommands: 0,
    writeCommands: 0,
    readBlocks: 0,
    writtenBlocks: 0,
    verifiedBlocks: 0,
    readErrors: 0,
    writeErrors: 0,
    verifyErrors: 0,
  };
}

export function resetCounters(counters: DiskCounters): void {
  Object.assign(counters, diskCounters());
}
