/** A small initiator over TCP, for tests that must know what was acknowledged, and when. */
import { connect, type Socket } from "node:net";
import { once } from "node:events";

import { Opcode } from "../../src/protocol/iscsi/index.ts";
import { type ReceivedPdu, TestInitiator } from "../targets/iscsi/support/initiator.ts";

export interface Answer {
  readonly status: number;
  readonly data: Uint8Array;
  /** Empty where there is none. */
  readonly sense: Uint8Array;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly data: Uint8Array;
}

const SEGMENT_LENGTH = "262144";

export class IscsiClient {
  readonly #socket: Socket;
  readonly #initiator: TestInitiator;
  readonly #waiting = new Map<number, Waiting>();
  #loggedIn: (status: number) => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
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

  /** Logs in to the target of `iscsi://HOST:PORT/IQN/0`. */
  static async open(url: string): Promise<IscsiClient> {
    const [, host, port, iqn] = /^iscsi:\/\/([^:]+):(\d+)\/(.+)\/0$/.exec(url) ?? [];
    const socket = connect({ host: host ?? "", port: Number(port), noDelay: true });
    await once(socket, "connect");
    const client = new IscsiClient(socket);
    const initiator = client.#initiator;
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
      this.#waiting.set(tag, { resolve, data: new Uint8Array(dataInLength) });
    });
    const values =
      dataOut === undefined
        ? { read: dataInLength > 0, expectedDataTransferLength: dataInLength }
        : { write: true, expectedDataTransferLength: dataOut.length };
    this.#initiator.send(this.#initiator.command(cdb, values, dataOut));
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
    if (opcode === Opcode.dataIn) waiting.data.set(data, fields["bufferOffset"] as number);
    if (opcode === Opcode.dataIn && fields["statusPresent"] !== true) return;
    this.#waiting.delete(tag);
    // SenseLength stands in front of it (RFC 7143, "SCSI Response").
    const sense = opcode === Opcode.scsiResponse ? data.slice(2) : new Uint8Array(0);
    waiting.resolve({ status: fields["status"] as number, data: waiting.data, sense });
  }
}
