/**
 * The bytes of an input are a program: initiators that are logged in send PDUs, whose headers and
 * data are whatever the input has, but whose lengths and digests are right, or nobody would read
 * on. Between them time goes by, and the disk puts off what it has to do.
 */
import {
  BasicHeaderSegment,
  BHS_LENGTH,
  crc32c,
  NopOut,
  padded,
  putDigest,
} from "../../src/protocol/iscsi/index.ts";
import { pattern, type TestInitiator, TestServer } from "../targets/iscsi/support/initiator.ts";
import { Input } from "./support/input.ts";
import { expectNothingLeft } from "./support/iscsi-server.ts";
import { holdBack, Step, stepByte, stepOf } from "./support/steps.ts";

/** The first byte: what is negotiated. */
const HEADER_DIGEST = 0x01;
const DATA_DIGEST = 0x02;
const TWO_CONNECTIONS = 0x04;
const LEVEL_SHIFT = 4;

const TIME_UNIT_MS = 250;
/** Of the argument of a PDU. */
const OWN_CMD_SN = 1;
const OWN_TARGET_TAG = 2;
const DAMAGED = 4;
const LENGTH_SHIFT = 3;

/** Small limits: a request for megabytes finds nothing that one for kilobytes does not. */
const server = new TestServer({
  dataSegmentLengthMax: 8192,
  firstBurstLengthMax: 8192,
  maxBurstLengthMax: 16_384,
  keptLengthMax: 65_536,
  stagingLengthMax: 65_536,
  heldLengthMax: 65_536,
});

export async function fuzz(bytes: Uint8Array): Promise<void> {
  const input = new Input(bytes);
  const initiators = logIn(input.byte());
  while (input.left > 0) {
    const [step, argument] = stepOf(input.byte());
    switch (step) {
      case Step.sendRaw:
        initiators[0].initiator.send(input.take(argument));
        break;
      case Step.buffers:
      case Step.execution:
        holdBack(server.disk, step, argument);
        break;
      case Step.time:
        server.advance(argument * TIME_UNIT_MS);
        await Promise.resolve();
        break;
      default:
        sendPdu(initiators[step & 1] as Fuzzer, input, argument);
    }
  }
  for (const { initiator } of initiators) initiator.transport.destroy();
  await expectNothingLeft(server);
}

interface Fuzzer {
  readonly initiator: TestInitiator;
  /** The tag of what the target has asked for last: an R2T, a NOP-In, a text that goes on. */
  targetTransferTag: number;
}

function logIn(how: number): [Fuzzer, Fuzzer] {
  const initiator = server.connect();
  initiator.logIn({
    HeaderDigest: (how & HEADER_DIGEST) === 0 ? "None" : "CRC32C",
    DataDigest: (how & DATA_DIGEST) === 0 ? "None" : "CRC32C",
    ErrorRecoveryLevel: String((how >> LEVEL_SHIFT) % 3),
    MaxConnections: "2",
  });
  const first = { initiator, targetTransferTag: 0 };
  if ((how & TWO_CONNECTIONS) === 0) return [first, first];
  return [first, { initiator: initiator.join(1).other, targetTransferTag: 0 }];
}

/** @param what its low bits say what is right, the others how much data it has */
function sendPdu(fuzzer: Fuzzer, input: Input, what: number): void {
  const { initiator } = fuzzer;
  const header = new Uint8Array(BHS_LENGTH);
  header.set(input.take(BHS_LENGTH));
  const lengths = [0, 4 * input.byte(), 512, 4096];
  const data = pattern(lengths[what >> LENGTH_SHIFT] as number);
  const fields = BasicHeaderSegment.view(header);
  fields.totalAhsLength = 0;
  fields.dataSegmentLength = data.length;
  const request = NopOut.view(header);
  if ((what & OWN_CMD_SN) === 0) {
    request.cmdSn = initiator.cmdSn;
    if (!request.immediate) initiator.cmdSn++;
  }
  if ((what & OWN_TARGET_TAG) === 0) request.targetTransferTag = fuzzer.targetTransferTag;
  const pdu = sealed(initiator, header, data);
  if ((what & DAMAGED) !== 0) (pdu[pdu.length - 1] as number) ^= 1;
  initiator.send(pdu);
  for (const { fields: answer } of initiator.receive()) {
    const tag = answer["targetTransferTag"];
    if (typeof tag === "number" && tag !== 0xffff_ffff) fuzzer.targetTransferTag = tag;
  }
}

/** With padding and digests. */
function sealed(initiator: TestInitiator, header: Uint8Array, data: Uint8Array): Uint8Array {
  const parts = [header];
  if (initiator.headerDigest) parts.push(digestOf(header));
  if (data.length > 0) {
    const body = new Uint8Array(padded(data.length));
    body.set(data);
    parts.push(body);
    if (initiator.dataDigest) parts.push(digestOf(body));
  }
  return Buffer.concat(parts);
}

function digestOf(bytes: Uint8Array): Uint8Array {
  const digest = new Uint8Array(4);
  putDigest(digest, 0, crc32c(bytes));
  return digest;
}

/** What initiators do, at each level of error recovery, without and with digests. */
export function seeds(): Uint8Array[] {
  const maker = server.connect();
  const inquiry = [0x12, 0, 0, 0, 36];
  const steps: [step: number, argument: number, pdu?: Uint8Array][] = [
    [0, 0, maker.command(inquiry, { read: true, expectedDataTransferLength: 36 })],
    [0, 0, maker.read(8, 8)],
    [Step.execution, 1],
    [0, 2 << LENGTH_SHIFT, maker.write(8, 8, {}, pattern(512))],
    [
      0,
      3 << LENGTH_SHIFT,
      maker.dataOut({ initiatorTaskTag: maker.itt - 1, final: true }, pattern(4096)),
    ],
    [0, 0, maker.taskManagement(1, { referencedTaskTag: maker.itt - 1 })],
    [Step.execution, 0],
    [1, 0, maker.text([["SendTargets", ""]])],
    [1, 0, maker.nop()],
    [1, 0, maker.snack(0)],
    [Step.time, 31],
    [1, 0, maker.logout()],
  ];
  const program = steps.flatMap(([step, argument, pdu]) => {
    const action = new Uint8Array([stepByte(step, argument)]);
    // A PDU's data are not in the input: the byte is for their length, where it says so.
    return pdu === undefined ? [action] : [action, pdu.slice(0, BHS_LENGTH), new Uint8Array(1)];
  });
  maker.transport.destroy();
  return [
    0,
    HEADER_DIGEST | DATA_DIGEST,
    TWO_CONNECTIONS | (1 << LEVEL_SHIFT),
    HEADER_DIGEST | DATA_DIGEST | TWO_CONNECTIONS | (2 << LEVEL_SHIFT),
  ].map((how) => Buffer.concat([new Uint8Array([how]), ...program]));
}
