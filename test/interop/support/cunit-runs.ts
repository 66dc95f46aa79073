/** The runs of iscsi-test-cu: which disk, and which part of the suite it is for. */
import type { DiskOptions } from "../../../src/sdk/devices/disk/disk.ts";
import { MIB } from "./images.ts";

export interface CunitRun {
  readonly name: string;
  /** A disk in memory with these options; without them, fileio_tgt on a file. */
  readonly disk?: DiskOptions;
  readonly sizeBytes: number;
  /** Milliseconds that each write takes. */
  readonly writeDelayMs?: number;
  /** The tool's options; `-t` names what is run of the suite. */
  readonly args: readonly string[];
  /** A second URL: the second path of the multipath tests. */
  readonly secondPath: boolean;
  /** The whole suite, not a part of it. */
  readonly whole: boolean;
}

const whole = { sizeBytes: 100 * MIB, secondPath: true, whole: true };
const part = { sizeBytes: 100 * MIB, secondPath: true, whole: false };
const thin512e: DiskOptions = { thinProvisioned: true, writeSameZeroIsToEnd: true };

export const RUNS: readonly CunitRun[] = [
  // Of SANITIZE the tool wants to see something after three seconds. 16 writes of 400 ms.
  {
    ...part,
    name: "sanitize",
    disk: { thinProvisioned: true },
    sizeBytes: 16 * MIB,
    writeDelayMs: 400,
    args: ["-d", "-S", "-t", "ALL.Sanitize"],
  },
  { ...whole, name: "plain", args: ["-d", "-t", "ALL"] },
  {
    ...whole,
    name: "thin",
    // The tool writes as much at once as it may WRITE SAME, whatever the disk says of writes.
    disk: { thinProvisioned: true, physicalBlockSize: 512, limits: { writeSameBytes: 16 * MIB } },
    args: ["-d", "-t", "ALL"],
  },
  // With a second URL the tool takes a unit attention of its own reset for an error.
  {
    ...whole,
    name: "removable",
    disk: { removable: true },
    secondPath: false,
    args: ["-d", "-t", "ALL"],
  },
  {
    ...whole,
    name: "4096",
    disk: { thinProvisioned: true, blockSize: 4096, limits: { atomicBytes: 0 } },
    args: ["-d", "-t", "ALL"],
  },
  // With -d the tool writes, and takes it for a fault that it may not.
  { ...whole, name: "read-only", disk: { readOnly: true }, args: ["-t", "ALL"] },
  { ...part, name: "read-only", disk: { readOnly: true }, args: ["-d", "-t", "ALL.ReadOnly"] },
  { ...part, name: "512e", disk: thin512e, args: ["-d", "-t", "ALL.WriteSame16"] },
  { ...part, name: "512e", disk: thin512e, args: ["-d", "-t", "ALL.WriteSame10.UnmapUnaligned"] },
  {
    ...part,
    name: "512e",
    disk: thin512e,
    args: ["-d", "-t", "ALL.WriteSame10.InvalidDataOutSize"],
  },
  { ...part, name: "512e", disk: thin512e, args: ["-d", "-t", "ALL.CompareAndWrite"] },
];
