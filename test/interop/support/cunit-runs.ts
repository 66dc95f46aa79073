/** The runs of iscsi-test-cu: which disk, and which part of the suite it is for. */
import type { DiskOptions } from "../../../src/sdk/devices/disk/disk.ts";
import { MIB } from "./images.ts";

export type FilterProgram = "encrypting-disk" | "snapshot-disk";

export interface CunitRun {
  readonly name: string;
  /** A disk in memory with these options; without them, fileio_tgt on a file. */
  readonly disk?: DiskOptions;
  /** Another program than fileio_tgt. */
  readonly program?: FilterProgram;
  /** The run that has to have the same results, test by test. */
  readonly like?: string;
  /** Of fileio_tgt. */
  readonly options?: readonly string[];
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

const whole = {
  sizeBytes: 100 * MIB,
  secondPath: true,
  whole: true,
  args: ["-d", "-t", "ALL"],
};
const part = { sizeBytes: 100 * MIB, secondPath: true, whole: false };
const thin512e: DiskOptions = {
  thinProvisioned: true,
  writeSameZeroIsToEnd: true,
  // The tool writes as much at once as it may WRITE SAME, whatever the disk says of writes.
  limits: { writeSameBytes: 16 * MIB },
};
const readOnly: DiskOptions = { readOnly: true, device: { softwareWriteProtect: true } };

const ofSuites = (name: string, disk: DiskOptions, suites: readonly string[]): CunitRun[] =>
  suites.map((suite) => ({ ...part, name, disk, args: ["-d", "-t", `ALL.${suite}`] }));

export const RUNS: readonly CunitRun[] = [
  // The tool looks three seconds after SANITIZE began: 16 writes of 400 ms. With a second path it
  // forgets a reservation there, which is in the way of the next test.
  {
    ...part,
    name: "sanitize",
    disk: { thinProvisioned: true },
    sizeBytes: 16 * MIB,
    writeDelayMs: 400,
    secondPath: false,
    args: ["-d", "-S", "-t", "ALL.Sanitize"],
  },
  { ...whole, name: "plain" },
  {
    ...whole,
    name: "thin",
    disk: { thinProvisioned: true, physicalBlockSize: 512, limits: { writeSameBytes: 16 * MIB } },
  },
  { ...whole, name: "encrypted", program: "encrypting-disk", like: "plain" },
  { ...whole, name: "with snapshots", program: "snapshot-disk", like: "thin file" },
  { ...whole, name: "thin file", options: ["--thin_provisioned"] },
  // With a second path the tool takes a unit attention of its own reset for an error.
  { ...whole, name: "removable", disk: { removable: true }, secondPath: false },
  { ...whole, name: "4096", disk: { thinProvisioned: true, blockSize: 4096 } },
  // The rest of the suite writes, and takes it for a fault that it may not.
  ...ofSuites("read-only", readOnly, ["ReadOnly", "Mandatory", "Inquiry", "Read16"]),
  ...ofSuites("512e", thin512e, [
    "WriteSame16",
    "WriteSame10.UnmapUnaligned",
    "WriteSame10.ZeroBlocks",
    "WriteSame10.InvalidDataOutSize",
    "CompareAndWrite",
  ]),
];
