/** What the small steps cost that each command takes, in nanoseconds. */
import { do_not_optimize, measure } from "mitata";
import {
  DEVICE_TYPE,
  encodeFixedSense,
  findCommand,
  parsedCommand,
  Read10,
  ScstUserReplyCmd,
  SENSE,
} from "scst-user";
import { crc32c } from "../../src/protocol/iscsi/digest.ts";
import type { Table } from "../support/section.ts";

const HEADER_LENGTH = 48;
const DATA_LENGTH = 4096;

const cdb = Uint8Array.of(0x28, 0, 0, 1, 2, 3, 0, 0, 8, 0);
const read10 = Read10.view(cdb);
const reply = ScstUserReplyCmd.view();
const into = parsedCommand();
const data = Uint8Array.from({ length: DATA_LENGTH }, (_, i) => i & 0xff);

const STEPS: readonly { readonly name: string; readonly run: () => unknown }[] = [
  {
    name: "read READ(10)'s LBA and length through its view",
    run: () => read10.logicalBlockAddress + read10.transferLength,
  },
  {
    name: "find a CDB's row and parse it",
    run: () => findCommand(cdb, DEVICE_TYPE.DISK)?.parse(cdb, 512, into),
  },
  {
    name: "write a reply of scst_user",
    run: () => {
      reply.cmdH = 17;
      reply.subcode = 1;
      reply.result = 0;
      return reply;
    },
  },
  { name: "encode fixed sense", run: () => encodeFixedSense(SENSE.INVALID_FIELD_IN_CDB) },
  { name: "CRC32C of an iSCSI header", run: () => crc32c(data, 0, HEADER_LENGTH) },
  { name: "CRC32C of 4 KiB", run: () => crc32c(data) },
];

export async function layoutsSection(): Promise<Table[]> {
  const rows: string[][] = [];
  for (const { name, run } of STEPS) {
    const { p50, p99 } = await measure(() => do_not_optimize(run()));
    rows.push([name, p50.toFixed(1), p99.toFixed(1)]);
  }
  return [
    {
      title: "Layouts and digests",
      note: "Measured by mitata; the median and the 99th percentile.",
      columns: ["step", "ns", "p99"],
      rows,
    },
  ];
}
