/**
 * The kernel's side of a recorded session, with our SDK and a handler in the place of the recorded
 * program: hands the recorded subcommands out, and compares what comes back with what came then.
 */
import {
  SCST_DATA_WRITE,
  ScstUserDevDesc,
  ScstUserGetCmd,
} from "../../../src/protocol/scst/index.ts";
import { ScstUserReplyCmd } from "../../../src/protocol/scst/index.ts";
import {
  disk,
  memoryStore,
  type RegisteredDevice,
  registerDevice,
} from "../../../src/sdk/index.ts";
import { dataWritten } from "../../replay/data.ts";
import {
  type CommandStep,
  type GetRecord,
  type ReplyRecord,
  type Trace,
  TraceError,
  type UserRecord,
} from "../../replay/trace.ts";
import { senseText } from "../../support/bench.ts";
import { FakeScstUser, type GetCmdView, type Taken } from "../../support/fake-scst-user.ts";
import { toHex } from "../../support/hex.ts";

/** What an initiator would see another way. */
export interface SeenDifference {
  readonly trace: string;
  /** Of the command at the handler, or the subcommand's name. */
  readonly cdb: string;
  readonly field: string;
  readonly recorded: string;
  readonly ours: string;
}

/** The size of the file that the recorded program served. */
const DISK_BYTES = 64 * 1024 * 1024;

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Plays `trace`; gives the differences, and what the SDK reported. */
export async function playAsKernel(trace: Trace) {
  const player = new RecordedKernel(trace);
  return await player.play();
}

class RecordedKernel {
  readonly #trace: Trace;
  readonly #fake = new FakeScstUser();
  readonly #differences: SeenDifference[] = [];
  readonly #reports: string[] = [];
  /** Our addresses of the recorded program's buffers. */
  readonly #buffers = new Map<number, number>();
  #blockSize = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  async play() {
    const { before, steps, after } = this.#trace;
    const device = await this.#register(before);
    await this.#walk(before, undefined);
    for (const step of steps) {
      await this.#walk(step.user, step.kind === "command" ? step : undefined);
    }
    await this.#walk(after, undefined);
    const { commands } = device.statistics;
    await device.close();
    return { differences: this.#differences, reports: this.#reports, commands };
  }

  async #register(before: readonly UserRecord[]): Promise<RegisteredDevice> {
    const record = before.find(({ kind }) => kind === "ioctl");
    if (record?.kind !== "ioctl" || record.in === undefined) {
      throw new TraceError("the recording does not begin with a registration");
    }
    const { name, blockSize, opt } = ScstUserDevDesc.view(record.in.slice());
    this.#blockSize = blockSize;
    const parse = (["standard", "call", "exception"] as const)[opt.parseType] ?? "standard";
    const memoryReuse = opt.memoryReuseType === 0 ? "none" : "all";
    const store = memoryStore(DISK_BYTES);
    const handler = disk(store, { name, blockSize, device: { parse, memoryReuse } });
    return await registerDevice(this.#fake.channel(), name, handler, {
      report: (code, message) => this.#reports.push(`${code} ${message}`),
    });
  }

  async #walk(records: readonly UserRecord[], step: CommandStep | undefined): Promise<void> {
    for (const [index, record] of records.entries()) {
      if (record.kind !== "get") continue;
      const ours = await this.#handOut(record, step);
      const recorded = replyTo(record, records.slice(index + 1));
      // The recorded program had ended before it answered the last one.
      if (recorded !== undefined) this.#compare(record, recorded, ours, step);
    }
  }

  /** Hands a subcommand out, with our addresses in it, and waits for its one reply. */
  async #handOut({ bytes, subcode }: GetRecord, step: CommandStep | undefined): Promise<Taken> {
    const message = bytes.slice();
    const view = ScstUserGetCmd.view(message);
    if (subcode === "EXEC") this.#putBuffer(view, step);
    if (subcode === "ON_FREE_CMD") view.onFreeCmd.pbuf = this.#ourBuffer(view.onFreeCmd.pbuf);
    const before = this.#fake.taken.length;
    this.#fake.post(message);
    for (let turns = 0; turns < 100 && this.#fake.taken.length === before; turns++) await settled();
    const [taken, ...more] = this.#fake.taken.slice(before);
    if (taken === undefined || more.length > 0) {
      throw new TraceError(`${more.length === 0 ? "no reply" : "two replies"} to ${subcode}`);
    }
    if (taken.reply.cmdH !== view.cmdH || taken.reply.subcode !== view.subcode) {
      throw new TraceError(`the reply to ${subcode} is one to another`);
    }
    return taken;
  }

  #putBuffer({ execCmd }: GetCmdView, step: CommandStep | undefined): void {
    const recorded = execCmd.pbuf;
    if (recorded === 0) return;
    execCmd.pbuf = this.#ourBuffer(recorded, Math.max(execCmd.allocLen, execCmd.bufflen));
    execCmd.pOutBuf += execCmd.pbuf - recorded;
    const { bufflen, cdb } = execCmd;
    if (execCmd.dataDirection !== SCST_DATA_WRITE || step === undefined) return;
    const sent = dataOutOf(step, this.#blockSize);
    const data = sent === undefined ? undefined : dataWritten(cdb, bufflen, step, sent);
    if (data !== undefined) this.#fake.bytesAt(execCmd.pbuf, bufflen).set(data);
  }

  /** A buffer that the recorded program had brought and ours did not is one of the kernel's. */
  #ourBuffer(recorded: number, length = 0): number {
    let ours = this.#buffers.get(recorded) ?? 0;
    if (ours === 0 && recorded !== 0) {
      ours = this.#fake.arena.allocate(Math.max(length, 1))?.address ?? 0;
      this.#buffers.set(recorded, ours);
    }
    return ours;
  }

  #compare(
    record: GetRecord,
    recorded: ReplyRecord,
    { reply, sense }: Taken,
    step: CommandStep | undefined,
  ): void {
    const theirs = ScstUserReplyCmd.view(recorded.bytes.slice());
    const get = ScstUserGetCmd.view(record.bytes.slice());
    switch (record.subcode) {
      case "EXEC": {
        const { execCmd } = get;
        const cdb = toHex(execCmd.cdb.subarray(0, execCmd.cdbLen));
        const a = theirs.execReply;
        const b = reply.execReply;
        this.#note(cdb, "status", a.status, b.status);
        this.#note(cdb, "sense", senseText(recorded.sense ?? NOTHING), senseText(sense));
        this.#note(cdb, "length", a.respDataLen, b.respDataLen);
        const brought = execCmd.pbuf === 0;
        if (brought && a.respDataLen > 0) this.#buffers.set(a.pbuf, b.pbuf);
        const ours = brought ? b.pbuf : (this.#buffers.get(execCmd.pbuf) ?? 0);
        if (a.respDataLen > 0 && a.respDataLen === b.respDataLen) {
          this.#compareData(cdb, step, ours, a.respDataLen);
        }
        break;
      }
      case "PARSE":
        this.#note("PARSE", "status", theirs.parseReply.status, reply.parseReply.status);
        break;
      case "ALLOC_MEM":
        this.#note("ALLOC_MEM", "given", theirs.allocReply.pbuf > 0, reply.allocReply.pbuf > 0);
        this.#buffers.set(theirs.allocReply.pbuf, reply.allocReply.pbuf);
        break;
      default:
        this.#note(record.subcode, "result", theirs.result, reply.result);
    }
  }

  /** Data from the medium must be the same; what describes the device is compared by its length. */
  #compareData(cdb: string, step: CommandStep | undefined, address: number, length: number): void {
    if (step === undefined || !READS.some((opcode) => cdb.startsWith(opcode))) return;
    const { bytes } = step.result.dataIn;
    const count = Math.min(bytes.length, length);
    const ours = this.#fake.bytesAt(address, length).subarray(0, count);
    this.#note(cdb, "data", toHex(bytes.subarray(0, count)), toHex(ours));
  }

  #note(cdb: string, field: string, recorded: unknown, ours: unknown): void {
    if (recorded === ours) return;
    this.#differences.push({
      trace: this.#trace.name,
      cdb,
      field,
      recorded: String(recorded),
      ours: String(ours),
    });
  }
}

const NOTHING = new Uint8Array(0);

/** READ(6), READ(10), READ(16), READ(12). */
const READS = ["08", "28", "88", "a8"];

function replyTo(get: GetRecord, rest: readonly UserRecord[]): ReplyRecord | undefined {
  const { cmdH } = ScstUserGetCmd.view(get.bytes.slice());
  return rest.find(
    (record): record is ReplyRecord =>
      record.kind === "reply" && ScstUserReplyCmd.view(record.bytes.slice()).cmdH === cmdH,
  );
}

function dataOutOf({ dataOut }: CommandStep, blockSize: number): Uint8Array | undefined {
  if (typeof dataOut !== "number") return dataOut;
  return new Uint8Array(dataOut).fill((dataOut / blockSize) & 0xff);
}
