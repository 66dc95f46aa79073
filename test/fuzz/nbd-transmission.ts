/**
 * The bytes of an input are a program: a client that has chosen the disk sends requests, whose
 * headers are whatever the input has, but whose payloads are as long as they say. Between them time
 * goes by, and the disk puts off what it has to do.
 */
import {
  CommandFlag,
  CommandType,
  CompactRequest,
  EXTENDED_REQUEST_MAGIC,
  ExtendedRequest,
  REQUEST_MAGIC,
} from "../../src/protocol/nbd/index.ts";
import {
  type Mode,
  pattern,
  type TestNbdClient,
  TestNbdServer,
} from "../targets/nbd/support/client.ts";
import { Input } from "./support/input.ts";
import { expectNothingLeft } from "./support/nbd-server.ts";
import { holdBack, Step, stepOf } from "./support/steps.ts";

const MODES: readonly Mode[] = ["simple", "structured", "extended"];

const TIME_UNIT_MS = 50;
/** Of the argument of a request: its offset and its length are what the input says. */
const AS_IT_IS = 1;
/** The bytes that offsets and lengths are kept to otherwise: some are past the end. */
const OFFSET_MASK = 0x9f_ffff;
const LENGTH_MASK = 0x7fff;
/** Where a header's fields begin, behind the magic number. */
const FIELDS_AT = 4;

const server = new TestNbdServer({ payloadLengthMax: 65_536, requestLengthMax: 131_072 });

export async function fuzz(bytes: Uint8Array): Promise<void> {
  const input = new Input(bytes);
  const client = server.connect();
  await client.open(MODES[input.byte() % MODES.length]);
  while (input.left > 0 && !client.transport.closed) {
    const [step, argument] = stepOf(input.byte());
    switch (step) {
      case Step.sendRaw:
        client.send(input.take(argument));
        break;
      case Step.buffers:
      case Step.execution:
        holdBack(server.disk, step, argument);
        break;
      case Step.time:
        server.advance(argument * TIME_UNIT_MS);
        break;
      default:
        client.send(request(client, input, argument));
    }
    // Simple replies can't be told apart without what was asked for.
    if (client.mode === "simple") client.transport.take();
    else client.replies();
  }
  client.transport.destroy();
  await expectNothingLeft(server);
}

function request({ mode }: TestNbdClient, input: Input, argument: number): Uint8Array {
  const layout = mode === "extended" ? ExtendedRequest : CompactRequest;
  const header = new Uint8Array(layout.size);
  header.set(input.take(layout.size - FIELDS_AT), FIELDS_AT);
  const fields = layout.view(header);
  fields.magic = mode === "extended" ? EXTENDED_REQUEST_MAGIC : REQUEST_MAGIC;
  const hasPayload =
    mode === "extended"
      ? (fields.flags & CommandFlag.payloadLen) !== 0
      : fields.type === CommandType.write;
  if ((argument & AS_IT_IS) === 0) {
    fields.exportOffset = fields.exportOffset & OFFSET_MASK;
    fields.length = fields.length & LENGTH_MASK;
  }
  if (!hasPayload || fields.length > LENGTH_MASK) return header;
  return Buffer.concat([header, pattern(fields.length)]);
}

/** Each request once, in each mode; the one that ends the connection is the last. */
export function seeds(): Uint8Array[] {
  const { disc, ...others } = CommandType;
  return MODES.map((mode, index) => {
    const layout = mode === "extended" ? ExtendedRequest : CompactRequest;
    const requests = [...Object.values(others), disc].map((type) => {
      const flags = mode === "extended" && type === CommandType.write ? CommandFlag.payloadLen : 0;
      const values = { type, flags, exportOffset: 4096, length: 512, cookieLow: type };
      const header = layout.encode({ magic: 0, cookieHigh: 0, ...values });
      return Buffer.concat([new Uint8Array([0]), header.subarray(FIELDS_AT)]);
    });
    return Buffer.concat([new Uint8Array([index]), ...requests]);
  });
}
