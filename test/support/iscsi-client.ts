/** A small initiator over TCP, for tests that must know what was acknowledged, and when. */
import { connect, type Socket } from "node:net";
import { once } from "node:events";

import { Opcode } from "../../src/protocol/iscsi/index.ts";
import { packLun } from "../../src/protocol/scsi/index.ts";
import { SCST_LUN_ADDR_METHOD_PERIPHERAL } from "../../src/protocol/scst/index.ts";
import { type ReceivedPdu, TestInitiator } from "../targets/iscsi/support/initiator.ts";

export interface Answer {
  readonly status: number;
  /** As much as came. */
  readonly data: Uint8Array;
  /** Sense data, none with most statuses. */
  readonly sense: Uint8Array;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly data: Uint8Array;
  length: number;
}

const SEGMENT_LENGTH = "262144";
const NO_BYTES = new Uint8Array(0);
let sessions = 0;

export class IscsiClient {
  readonly #socket: Socket;
  readonly #initiator: TestInitiator;
  readonly #lun = new Uint8Array(8);
  readonly #waiting = new Map<number, Waiting>();
  #loggedIn: (status: number) => void = () => undefined;

  private constructor(socket: Socket, lun: number) {
    this.#socket = socket;
    packLun(lun, SCST_LUN_ADDR_METHOD_PERIPHERAL, this.#lun);
    this.#initiator = new TestInitiator({
      server: {
        accept: () => ({
          receive: (bytes, length) => void socket.write(Buffer.from(bytes.subarray(0, length))),
          closed: () => undefined,
          drained: () => undefined,
        }),
      },
    });
    // A server that is killed resets the connection: the caller knows what it has not heard of.
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      this.#initiator.transport.write(bytes);
      for (const pdu of this.#initiator.receive()) this.#take(pdu);
    });
  }

  /** Logs in to the target of `iscsi://HOST:PORT/IQN/LUN`; commands go to that LUN. */
  static async open(url: string): Promise<IscsiClient> {
    const [, host, port, iqn, lun] = /^iscsi:\/\/([^:]+):(\d+)\/(.+)\/(\d+)$/.exec(url) ?? [];
    const socket = connect({ host: host ?? "", port: Number(port), noDelay: true });
    await once(socket, "connect");
    const client = new IscsiClient(socket, Number(lun));
    const initiator = client.#initiator;
    // Of two sessions with the same ISID the target would end the older one.
    initiator.isid = Uint8Array.of(0x40, 0, 0, 1, 0, sessions++ & 0xff);
    const answered = new Promise<number>((resolve) => {
      client.#loggedIn = resolve;
    });
    initiator.send(
      initiator.login({ transit: true, currentStage: 1, nextStage: 3 }, [
        ["InitiatorName", "iqn.2026-01.org.example:crash"],
        ["TargetName", iqn ?? ""],
        ["MaxRecvDataSegmentLength", SEGMENT_LENGTH],
      ]),
    );
    const status = await answered;
    if (status !== 0) throw new Error(`the login was answered with ${status}`);
    // The unit attention of a new nexus.
    await client.execute([0, 0, 0, 0, 0, 0]);
    return client;
  }

  /** Never settles where the answer never comes. */
  execute(cdb: readonly number[], dataOut?: Uint8Array, dataInLength = 0): Promise<Answer> {
    const tag = this.#initiator.itt;
    const answer = new Promise<Answer>((resolve) => {
      this.#waiting.set(tag, { resolve, data: new Uint8Array(dataInLength), length: 0 });
    });
    const values =
      dataOut === undefined
        ? { read: dataInLength > 0, expectedDataTransferLength: dataInLength }
        : { write: true, expectedDataTransferLength: dataOut.length };
    this.#initiator.send(this.#initiator.command(cdb, { ...values, lun: this.#lun }, dataOut));
    return answer;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take({ header, data, fields }: ReceivedPdu): void {
    const opcode = (header[0] as number) & 0x3f;
    if (opcode === Opcode.loginResponse) {
      this.#loggedIn(((fields["statusClass"] as number) << 8) | (fields["statusDetail"] as number));
      return;
    }
    const tag = fields["initiatorTaskTag"] as number;
    const waiting = this.#waiting.get(tag);
    if (waiting === undefined) return;
    if (opcode === Opcode.dataIn) {
      const offset = fields["bufferOffset"] as number;
      waiting.data.set(data, offset);
      waiting.length = Math.max(waiting.length, offset + data.length);
      if (fields["statusPresent"] !== true) return;
    }
    this.#waiting.delete(tag);
    waiting.resolve({
      status: fields["status"] as number,
      data: waiting.data.subarray(0, waiting.length),
      // A response's data segment is SenseLength and the sense (RFC 7143, 11.4.7.2).
      sense: opcode === Opcode.dataIn || data.length < 2 ? NO_BYTES : data.slice(2),
    });
  }
}
