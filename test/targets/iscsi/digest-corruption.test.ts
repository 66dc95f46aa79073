/** One byte of a PDU is another on its way: whichever it is, nothing wrong is done. */
import { describe, expect, test } from "vitest";
import { BHS_LENGTH, DIGEST_LENGTH } from "../../../src/protocol/iscsi/index.ts";
import { pattern, type TestInitiator, TestServer } from "./support/initiator.ts";

const DIGESTS = { HeaderDigest: "CRC32C", DataDigest: "CRC32C" };
const DATA = pattern(512);
const NOTHING = new Uint8Array(512);
const HEADER_END = BHS_LENGTH + DIGEST_LENGTH;
/** The longest additional header that a wrong length may announce: it all has to come. */
const WHAT_FOLLOWS = new Uint8Array(255 * 4 + DIGEST_LENGTH);
/** Any bit, but not always the same. */
const bitOf = (at: number) => 1 << (at % 8);

function open(level: string): { server: TestServer; initiator: TestInitiator } {
  const server = new TestServer();
  const initiator = server.connect();
  initiator.logIn({ ...DIGESTS, ErrorRecoveryLevel: level });
  initiator.send(initiator.command([0]));
  initiator.receive();
  return { server, initiator };
}

function isOnDisk({ disk }: TestServer, data: Uint8Array): boolean {
  return Buffer.compare(disk.medium.subarray(0, data.length), data) === 0;
}

function corrupted(pdu: Uint8Array, at: number): Uint8Array {
  const copy = new Uint8Array(pdu);
  copy[at] = (copy[at] as number) ^ bitOf(at);
  return copy;
}

describe.each(["0", "1", "2"])("ErrorRecoveryLevel %s", (level) => {
  test("a byte of a header or its digest: the connection ends, the command is not done", () => {
    for (let at = 0; at < HEADER_END; at++) {
      const { server, initiator } = open(level);
      const pdu = corrupted(initiator.write(0, 1, {}, DATA), at);
      initiator.send(Buffer.concat([pdu, WHAT_FOLLOWS]));
      expect([at, initiator.transport.ended, initiator.receive()]).toEqual([at, true, []]);
      expect(server.codes).toContain("ISCSI_HEADER_DIGEST");
      expect(isOnDisk(server, NOTHING)).toBe(true);
    }
  });

  test("a byte of the data or their digest: rejected, and taken when it comes again", () => {
    const { server, initiator } = open(level);
    const length = HEADER_END + DATA.length + DIGEST_LENGTH;
    for (let at = HEADER_END; at < length; at++) {
      const cmdSn = initiator.cmdSn;
      const good = initiator.write(0, 1, {}, DATA);
      expect(good).toHaveLength(length);
      initiator.send(corrupted(good, at));
      const [reject, response] = initiator.receive();
      expect([at, reject?.name, reject?.fields["reason"]]).toEqual([at, "Reject", 2]);
      // At level 0 the command has come, and fails; above it has not, and its CmdSN is awaited.
      expect(response?.fields["status"]).toBe(level === "0" ? 2 : undefined);
      expect(isOnDisk(server, NOTHING)).toBe(true);
      const again = level === "0" ? initiator.write(0, 1, {}, DATA) : good;
      initiator.send(again);
      expect(initiator.receive()[0]?.fields).toMatchObject({ status: 0 });
      expect(isOnDisk(server, DATA)).toBe(true);
      server.disk.medium.fill(0, 0, 512);
      expect(initiator.cmdSn - cmdSn).toBe(level === "0" ? 2 : 1);
    }
    expect(server.disk.bufferCount).toBe(0);
  });

  test("a byte of the padding: the same", () => {
    const { initiator } = open(level);
    const first = HEADER_END + 5;
    for (let at = first; at < first + 3; at++) {
      initiator.send(corrupted(initiator.nop({ immediate: true }, pattern(5)), at));
      expect(initiator.receive().map(({ name }) => name)).toEqual(["Reject"]);
    }
    initiator.send(initiator.nop({ immediate: true }, pattern(5)));
    expect(initiator.receive()[0]?.data).toEqual(Buffer.from(pattern(5)));
  });
});
