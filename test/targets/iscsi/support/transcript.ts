import { BHS_LENGTH, PDU_OF_OPCODE } from "../../../../src/protocol/iscsi/index.ts";
import type { ReceivedPdu, TestInitiator } from "./initiator.ts";

/** Fields that every line would have. */
const LEFT_OUT = new Set(["opcode", "totalAhsLength", "dataSegmentLength", "expStatSn", "isid"]);

const SHORT: Readonly<Record<string, string>> = {
  initiatorTaskTag: "itt",
  taskAttribute: "attribute",
  taskManagementFunction: "function",
  referencedTaskTag: "reference",
  statSn: "stat",
  expCmdSn: "exp",
  maxCmdSn: "max",
  targetTransferTag: "ttt",
  expectedDataTransferLength: "expected",
  desiredDataTransferLength: "desired",
  bufferOffset: "offset",
  statusPresent: "status",
  residualCount: "residual",
};

const SHORT_NAME: Readonly<Record<string, string>> = {
  "Ready To Transfer": "R2T",
  "SCSI Response": "Response",
  "Task Management Function Request": "Task Management",
  "Task Management Function Response": "Task Management Response",
};

/** A header in one line: what it is, its flags, and its numbers that are not zero. */
function line(header: Uint8Array, dataLength: number): string {
  const layout = PDU_OF_OPCODE.get((header[0] as number) & 0x3f);
  if (layout === undefined) return `opcode ${(header[0] as number) & 0x3f}`;
  const view = layout.view(header) as unknown as Record<string, unknown>;
  const parts = layout.fields.flatMap(({ name }) => {
    if (LEFT_OUT.has(name)) return [];
    const value = view[name];
    const short = SHORT[name] ?? name;
    if (value === true) return [short];
    if (value instanceof Uint8Array) {
      const hex = Buffer.from(value)
        .toString("hex")
        .replace(/(00)+$/, "");
      return hex === "" ? [] : [`${short}=${hex}`];
    }
    if (typeof value !== "number" || value === 0) return [];
    return [value === 0xffffffff ? `${short}=none` : `${short}=${value}`];
  });
  const data = dataLength > 0 ? ` +${dataLength}` : "";
  return `${SHORT_NAME[layout.name] ?? layout.name}: ${parts.join(" ")}${data}`;
}

/** A conversation as lines: `>` sent, `<` received. */
export class Transcript {
  readonly #initiator: TestInitiator;
  readonly lines: string[] = [];
  readonly received: ReceivedPdu[] = [];

  constructor(initiator: TestInitiator) {
    this.#initiator = initiator;
  }

  /** Sends PDUs in one chunk, and notes the answers. */
  say(...pdus: Uint8Array[]): ReceivedPdu[] {
    for (const pdu of pdus) {
      const length = ((pdu[5] as number) << 16) | ((pdu[6] as number) << 8) | (pdu[7] as number);
      this.lines.push(`> ${line(pdu.subarray(0, BHS_LENGTH), length)}`);
    }
    this.#initiator.send(...pdus);
    return this.hear();
  }

  /** Notes what has come. */
  hear(): ReceivedPdu[] {
    const pdus = this.#initiator.receive();
    this.received.push(...pdus);
    for (const { header, data } of pdus) this.lines.push(`< ${line(header, data.length)}`);
    return pdus;
  }

  get text(): string {
    return `\n${this.lines.join("\n")}\n`;
  }
}
