/** All combinations of the keys that rule data-out and data-in, by an initiator that obeys them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pattern, type ReceivedPdu, type TestInitiator } from "./support/initiator.ts";
import { openSession } from "./support/session.ts";

interface Keys {
  readonly initialR2t: boolean;
  readonly immediateData: boolean;
  readonly maxBurstLength: number;
  readonly firstBurstLength: number;
  readonly outstandingR2tCount: number;
  readonly segmentLength: number;
}

const LENGTHS = [512, 516, 1024, 4096, 65_536];

const KEYS = fc.record({
  initialR2t: fc.boolean(),
  immediateData: fc.boolean(),
  maxBurstLength: fc.constantFrom(...LENGTHS),
  firstBurstLength: fc.constantFrom(...LENGTHS),
  outstandingR2tCount: fc.integer({ min: 1, max: 9 }),
  segmentLength: fc.constantFrom(...LENGTHS),
});

function textOf(keys: Keys): Record<string, string> {
  const yes = (value: boolean) => (value ? "Yes" : "No");
  return {
    InitialR2T: yes(keys.initialR2t),
    ImmediateData: yes(keys.immediateData),
    MaxBurstLength: String(keys.maxBurstLength),
    FirstBurstLength: String(keys.firstBurstLength),
    MaxOutstandingR2T: String(keys.outstandingR2tCount),
    MaxRecvDataSegmentLength: String(keys.segmentLength),
  };
}

/** The Data-Out PDUs of one sequence. */
function sequence(
  initiator: TestInitiator,
  data: Uint8Array,
  { tag, from, to, ttt, step }: Record<"tag" | "from" | "to" | "ttt" | "step", number>,
): Uint8Array[] {
  const pdus: Uint8Array[] = [];
  let dataSn = 0;
  for (let at = from; at < to; at += step) {
    const end = Math.min(at + step, to);
    const values = { initiatorTaskTag: tag, targetTransferTag: ttt, bufferOffset: at };
    pdus.push(
      initiator.dataOut({ ...values, dataSn: dataSn++, final: end === to }, data.subarray(at, end)),
    );
  }
  return pdus;
}

/** Writes as the keys allow; the PDUs that came for it, R2Ts first. */
function write(initiator: TestInitiator, keys: Keys, data: Uint8Array): ReceivedPdu[] {
  const firstBurst = Math.min(keys.firstBurstLength, keys.maxBurstLength, data.length);
  const step = Math.max(512, keys.segmentLength);
  const immediate = keys.immediateData ? Math.min(firstBurst, step) : 0;
  const unsolicited = keys.initialR2t ? immediate : firstBurst;
  const tag = initiator.itt;
  const final = unsolicited === immediate;
  const command = initiator.write(0, data.length / 512, { final }, data.subarray(0, immediate));
  const ttt = 0xffff_ffff;
  initiator.send(
    command,
    ...sequence(initiator, data, { tag, from: immediate, to: unsolicited, ttt, step }),
  );
  const seen: ReceivedPdu[] = [];
  for (;;) {
    const came = initiator.receive();
    if (came.length === 0) return seen;
    seen.push(...came);
    const r2ts = came.filter(({ name }) => name === "Ready To Transfer");
    expect(r2ts.length).toBeLessThanOrEqual(keys.outstandingR2tCount);
    for (const { fields } of r2ts) {
      const from = Number(fields["bufferOffset"]);
      const length = Number(fields["desiredDataTransferLength"]);
      expect(length).toBeLessThanOrEqual(keys.maxBurstLength);
      const to = from + length;
      const given = Number(fields["targetTransferTag"]);
      initiator.send(...sequence(initiator, data, { tag, from, to, ttt: given, step }));
    }
  }
}

describe("any combination of keys", () => {
  test("what is written is what is there, and what is read", () => {
    fc.assert(
      fc.property(KEYS, fc.integer({ min: 1, max: 40 }), (keys, blocks) => {
        const { server, initiator } = openSession(textOf(keys));
        const data = pattern(blocks * 512, blocks);
        const pdus = write(initiator, keys, data);
        const { name, fields } = pdus.at(-1) ?? {};
        expect(name).toBe("SCSI Response");
        expect(fields).toMatchObject({ status: 0, residualCount: 0 });
        expect(fields?.["expDataSn"]).toBe(pdus.length - 1);
        expect(Buffer.compare(server.disk.medium.subarray(0, data.length), data)).toBe(0);
        initiator.send(initiator.read(0, blocks));
        const segments = initiator.receive();
        for (const segment of segments) {
          expect(segment.data.length).toBeLessThanOrEqual(keys.segmentLength);
        }
        expect(Buffer.compare(Buffer.concat(segments.map((one) => one.data)), data)).toBe(0);
        expect(server.disk.bufferCount).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});
