/** What the drive counts, for the log pages: since power on, and since the cartridge's load. */
export class Statistics {
  /** Bytes between the initiators and the drive. */
  hostWritten = 0;
  hostRead = 0;
  /** Bytes between the drive and the medium. */
  mediumWritten = 0;
  mediumRead = 0;
  blocksWritten = 0;
  blocksRead = 0;
  filemarksWritten = 0;
  writeErrors = 0;
  readErrors = 0;
  loads = 0;
  /** Of the cartridge that is loaded. */
  load = {
    hostWritten: 0,
    hostRead: 0,
    mediumWritten: 0,
    mediumRead: 0,
    blocksWritten: 0,
    blocksRead: 0,
    writeErrors: 0,
    readErrors: 0,
  };

  wrote(hostBytes: number, mediumBytes: number): void {
    this.blocksWritten++;
    this.hostWritten += hostBytes;
    this.mediumWritten += mediumBytes;
    this.load.blocksWritten++;
    this.load.hostWritten += hostBytes;
    this.load.mediumWritten += mediumBytes;
  }

  read(hostBytes: number, mediumBytes: number): void {
    this.blocksRead++;
    this.hostRead += hostBytes;
    this.mediumRead += mediumBytes;
    this.load.blocksRead++;
    this.load.hostRead += hostBytes;
    this.load.mediumRead += mediumBytes;
  }

  failedToWrite(): void {
    this.writeErrors++;
    this.load.writeErrors++;
  }

  failedToRead(): void {
    this.readErrors++;
    this.load.readErrors++;
  }

  loaded(): void {
    this.loads++;
    for (const key of Object.keys(this.load)) this.load[key as keyof typeof this.load] = 0;
  }

  /** LOG SELECT with PCR: counters begin anew. */
  reset(): void {
    const { loads } = this;
    Object.assign(this, new Statistics(), { loads });
  }
}
