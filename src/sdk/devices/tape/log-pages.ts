import { LOG_PAGE, LogParameterHeader, TAPE_LOG_PAGE } from "../../../protocol/scsi/index.ts";
import { KEPT, keptNumber, MEGABYTE } from "./medium-memory.ts";
import type { TapeUnit } from "./tape-unit.ts";

/** A log parameter: its code and value. */
type Parameter = readonly [code: number, value: Uint8Array, kind?: "counter" | "list" | "ascii"];

export interface LogPage {
  readonly code: number;
  readonly subpage: number;
  parameters(unit: TapeUnit): readonly Parameter[];
}

/** FORMAT AND LINKING: a counter, or a list in binary or ASCII. */
const FORMAT = { counter: 0, ascii: 1, list: 3 } as const;

/** A log parameter with its head. */
export function encodeParameter([code, value, kind = "list"]: Parameter): Uint8Array {
  const header = LogParameterHeader.encode({
    parameterCode: code,
    formatAndLinking: FORMAT[kind],
    parameterLength: value.length,
  });
  return Buffer.concat([header, value]);
}

function binary(value: number, size: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(Math.max(0, Math.floor(value))));
  return bytes.subarray(8 - size);
}

const counter = (code: number, value: number, size = 8): Parameter => [
  code,
  binary(value, size),
  "counter",
];
const listed = (code: number, value: number, size: number): Parameter => [
  code,
  binary(value, size),
];

/** SPC-5, "Error counter": what was corrected is nothing, and what was not is told. */
function errorCounters(total: number, bytes: number): Parameter[] {
  return [
    counter(0x0000, 0),
    counter(0x0001, 0),
    counter(0x0002, 0),
    counter(0x0003, 0),
    counter(0x0004, 0),
    counter(0x0005, bytes),
    counter(0x0006, total),
  ];
}

/** SSC-5, "TapeAlert log page": flags 1 to 64, one byte each. */
const TAPE_ALERT = {
  WRITE: 6,
  READ: 5,
  WRITE_PROTECT: 9,
  EXPIRED_CLEANING_MEDIA: 22,
} as const;

function alerts(unit: TapeUnit): Set<number> {
  const set = new Set<number>();
  const { load } = unit.statistics;
  if (load.readErrors > 0) set.add(TAPE_ALERT.READ);
  if (load.writeErrors > 0) set.add(TAPE_ALERT.WRITE);
  const { cartridge } = unit;
  if (cartridge?.description.kind === "cleaning" && unit.threaded && !unit.cleaned) {
    set.add(TAPE_ALERT.EXPIRED_CLEANING_MEDIA);
  }
  return set;
}

function tapeAlert(unit: TapeUnit): Parameter[] {
  const set = alerts(unit);
  return Array.from({ length: 64 }, (_, index) => {
    return [index + 1, Uint8Array.of(set.has(index + 1) ? 1 : 0)] as const;
  });
}

/** The same flags as 64 bits, flag 1 first (SSC-5, "TapeAlert Response log page"). */
function tapeAlertResponse(unit: TapeUnit): Parameter[] {
  const set = alerts(unit);
  const bits = new Uint8Array(8);
  for (const flag of set) bits[(flag - 1) >> 3]! |= 0x80 >> ((flag - 1) & 7);
  return [[0x0000, bits]];
}

/** SSC-5, "Sequential-Access Device log page": bytes to and from hosts and the medium. */
function sequentialAccess({ statistics }: TapeUnit): Parameter[] {
  return [
    counter(0x0000, statistics.hostWritten),
    counter(0x0001, statistics.mediumWritten),
    counter(0x0002, statistics.mediumRead),
    counter(0x0003, statistics.hostRead),
    // Cleaning is never due.
    counter(0x0100, 0),
  ];
}

/** ADC-4, "Very high frequency data": what a library wants to know of its drive. */
function deviceStatus(unit: TapeUnit): Parameter[] {
  const flags = new Uint8Array(4);
  const present = unit.cartridge !== undefined;
  flags[0] =
    (unit.preventing.size > 0 ? 0x80 : 0) |
    (unit.writeProtection() !== undefined && unit.threaded ? 0x10 : 0);
  flags[1] = (present ? 0x04 : 0) | (unit.threaded ? 0x03 : 0) | (present ? 0x08 : 0);
  return [[0x0000, flags]];
}

const ratioOf = (host: number, medium: number): number =>
  medium === 0 ? 100 : Math.min(0xffff, Math.round((host / medium) * 100));

function compression({ statistics: counted }: TapeUnit): Parameter[] {
  const megabytes = (bytes: number) => Math.floor(bytes / 1e6);
  const rest = (bytes: number) => bytes % 1e6;
  return [
    listed(0x0000, ratioOf(counted.hostRead, counted.mediumRead), 2),
    listed(0x0001, ratioOf(counted.hostWritten, counted.mediumWritten), 2),
    listed(0x0002, megabytes(counted.hostRead), 4),
    listed(0x0003, rest(counted.hostRead), 4),
    listed(0x0004, megabytes(counted.mediumRead), 4),
    listed(0x0005, rest(counted.mediumRead), 4),
    listed(0x0006, megabytes(counted.hostWritten), 4),
    listed(0x0007, rest(counted.hostWritten), 4),
    listed(0x0008, megabytes(counted.mediumWritten), 4),
    listed(0x0009, rest(counted.mediumWritten), 4),
  ];
}

function dataCompression(unit: TapeUnit): Parameter[] {
  return [...compression(unit), listed(0x0100, unit.mode.compression ? 1 : 0, 1)];
}

/** SSC-5, "Volume Statistics log page". */
function volumeStatistics(unit: TapeUnit): Parameter[] {
  const { load } = unit.statistics;
  const { cartridge, density } = unit;
  const present = cartridge !== undefined && unit.threaded;
  const written = keptNumber(unit, KEPT.TOTAL_MEGABYTES_WRITTEN) * MEGABYTE + load.hostWritten;
  const read = keptNumber(unit, KEPT.TOTAL_MEGABYTES_READ) * MEGABYTE + load.hostRead;
  const padded = (text: string, length: number) =>
    Buffer.from(text.slice(0, length).padEnd(length), "latin1");
  return [
    listed(0x0000, present ? 1 : 0, 1),
    listed(0x0001, keptNumber(unit, KEPT.LOAD_COUNT), 4),
    listed(0x0002, load.blocksWritten, 8),
    listed(0x0003, load.writeErrors, 4),
    listed(0x0007, load.blocksRead, 8),
    listed(0x0008, load.readErrors, 4),
    listed(0x000c, load.writeErrors, 2),
    listed(0x000d, load.readErrors, 2),
    listed(0x0010, written / 1e6, 8),
    listed(0x0011, read / 1e6, 8),
    listed(0x0015, unit.encryption.encrypts ? 1 : 0, 1),
    listed(0x0016, (cartridge?.description.capacityBytes ?? 0) / 1e6, 8),
    [0x0040, padded(cartridge?.description.serial ?? "", 32), "ascii"],
    [0x0041, padded(cartridge?.description.barcode ?? "", 32), "ascii"],
    [0x0042, padded(cartridge?.description.barcode ?? "", 32), "ascii"],
    [0x0043, padded("SCST_TS", 8), "ascii"],
    [0x0044, padded(density.name, 4), "ascii"],
    listed(0x0080, unit.writeProtection() === undefined ? 0 : 1, 1),
    listed(0x0081, unit.isWorm ? 1 : 0, 1),
  ];
}

/** IBM's page 30h as hosts decode it: what was done with the volume. */
function tapeUsage(unit: TapeUnit): Parameter[] {
  const { load } = unit.statistics;
  return [
    listed(0x0001, keptNumber(unit, KEPT.LOAD_COUNT), 4),
    listed(0x0002, load.blocksWritten, 8),
    listed(0x0003, load.writeErrors, 4),
    listed(0x0004, 0, 2),
    listed(0x0005, load.writeErrors, 2),
    listed(0x0006, load.blocksRead, 8),
    listed(0x0007, load.readErrors, 4),
    listed(0x0008, 0, 2),
    listed(0x0009, load.readErrors, 2),
  ];
}

/** IBM's page 31h: remaining and maximum capacity of partition 0 and 1, in 2^20 bytes. */
function tapeCapacity(unit: TapeUnit): Parameter[] {
  const { cartridge } = unit;
  const sizes = unit.threaded ? (cartridge?.description.partitions ?? []) : [];
  const capacity = (index: number) => (sizes[index] ?? 0) / MEGABYTE;
  const left = (index: number) =>
    capacity(index) - (cartridge?.partitions[index]?.usedBytes ?? 0) / MEGABYTE;
  return [
    listed(0x0001, sizes.length > 0 ? left(0) : 0, 4),
    listed(0x0002, sizes.length > 1 ? left(1) : 0, 4),
    listed(0x0003, capacity(0), 4),
    listed(0x0004, capacity(1), 4),
  ];
}

/** From 1, the best, to 255; 0 where nothing was transferred, so that nobody knows. */
function efficiencyOf(blocks: number, errors: number): number {
  const all = blocks + errors;
  return all === 0 ? 0 : 1 + Math.round((254 * errors) / all);
}

/** LTO's page 37h, performance characteristics: of the drive, and of the medium that is in it. */
function performance({ statistics }: TapeUnit): Parameter[] {
  const efficiencies = [statistics, statistics.load].map((counted) =>
    efficiencyOf(
      counted.blocksWritten + counted.blocksRead,
      counted.writeErrors + counted.readErrors,
    ),
  );
  return efficiencies.map((efficiency, code) => counter(code, efficiency, 1));
}

const page = (code: number, parameters: LogPage["parameters"], subpage = 0): LogPage => ({
  code,
  subpage,
  parameters,
});

/** By ascending code; page 00h is made from the list. What is reported was counted. */
export const LOG_PAGES: readonly LogPage[] = [
  page(LOG_PAGE.WRITE_ERROR_COUNTERS, ({ statistics }) =>
    errorCounters(statistics.writeErrors, statistics.hostWritten),
  ),
  page(LOG_PAGE.READ_ERROR_COUNTERS, ({ statistics }) =>
    errorCounters(statistics.readErrors, statistics.hostRead),
  ),
  page(TAPE_LOG_PAGE.SEQUENTIAL_ACCESS, sequentialAccess),
  page(TAPE_LOG_PAGE.DT_DEVICE_STATUS, deviceStatus),
  page(TAPE_LOG_PAGE.TAPE_ALERT_RESPONSE, tapeAlertResponse),
  page(TAPE_LOG_PAGE.TAPE_DIAGNOSTICS, ({ statistics }) => [
    counter(0x0000, 0, 4),
    counter(0x0001, statistics.loads, 4),
    counter(0x0003, statistics.hostWritten / 1e6, 4),
    counter(0x0004, statistics.hostRead / 1e6, 4),
  ]),
  page(TAPE_LOG_PAGE.VOLUME_STATISTICS, volumeStatistics),
  page(TAPE_LOG_PAGE.DATA_COMPRESSION, dataCompression),
  page(TAPE_LOG_PAGE.TAPE_ALERT, tapeAlert),
  page(LOG_PAGE.INFORMATIONAL_EXCEPTIONS, () => [[0x0000, Uint8Array.of(0, 0, 0, 0)]]),
  page(TAPE_LOG_PAGE.TAPE_USAGE, tapeUsage),
  page(TAPE_LOG_PAGE.TAPE_CAPACITY, tapeCapacity),
  page(TAPE_LOG_PAGE.DATA_COMPRESSION_VENDOR, compression),
  page(TAPE_LOG_PAGE.PERFORMANCE, performance),
];
