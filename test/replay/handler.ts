/** The recorded handler: gives the recorded replies, with our handles and addresses in them. */
import {
  SCST_DATA_READ,
  SCST_EXEC_REPLY_DO_WRITE_SAME,
  SCST_USER_ALLOC_MEM,
  SCST_USER_EXEC,
  SCST_USER_ON_CACHED_MEM_FREE,
  SCST_USER_ON_FREE_CMD,
  SCST_USER_PARSE,
  ScstUserDataDescriptor,
  ScstUserGetCmd,
  ScstUserReplyCmd,
} from "../../src/protocol/scst/index.ts";
import { STATUS, Write16 } from "../../src/protocol/scsi/index.ts";
import type { GetCmdView, RawProgram, ReplyCmdView } from "../support/raw-program.ts";
import type { GetRecord, ReplyRecord, UserRecord } from "./trace.ts";

export class Handler {
  readonly #program: RawProgram;
  /** Subcommands that the handler has, by their recorded handles. */
  readonly #taken = new Map<number, GetCmdView>();
  readonly #senseAddress: number;
  /** Records whose cause has happened already. */
  readonly started = new Set<GetRecord>();
  /** What the device reads from its medium in this step. */
  data: Uint8Array | undefined;

  constructor(program: RawProgram) {
    this.#program = program;
    this.#senseAddress = program.allocate(256).address;
  }

  /** The handler has got `ours`, recorded with the handle `recorded`. */
  took(recorded: number, ours: GetCmdView): void {
    this.#taken.set(recorded, ours);
  }

  ourHandle(recorded: number): number | undefined {
    return this.#taken.get(recorded)?.cmdH;
  }

  /** Gives a recorded reply: 0, or a negative errno. One to a get that never came is left out. */
  reply(record: ReplyRecord, rest: readonly UserRecord[]): number {
    const view = ScstUserReplyCmd.view(record.bytes.slice());
    const taken = this.#taken.get(view.cmdH);
    if (taken === undefined) return 0;
    view.cmdH = taken.cmdH;
    switch (record.subcode) {
      case "PARSE":
        if (view.parseReply.status !== STATUS.GOOD) {
          view.parseReply.psenseBuffer = this.#putSense(record.sense);
        }
        break;
      case "ALLOC_MEM":
        if (view.allocReply.pbuf !== 0) view.allocReply.pbuf = this.#allocate(taken);
        break;
      case "EXEC":
        this.#translateExec(view.execReply, taken, record.sense);
        if (view.execReply.replyType === SCST_EXEC_REPLY_DO_WRITE_SAME) {
          this.#putRanges(view.execReply, rest);
        }
        break;
      case "ON_FREE_CMD":
      case "ON_CACHED_MEM_FREE":
        this.#release(taken);
        break;
      default:
        break;
    }
    return this.#program.replyAndGet(view.bytes);
  }

  #translateExec(
    reply: ReplyCmdView["execReply"],
    taken: GetCmdView,
    sense: Uint8Array | undefined,
  ): void {
    const { execCmd } = taken;
    const needsBuffer = execCmd.pbuf === 0 && reply.respDataLen > 0;
    let address = execCmd.pbuf;
    if (reply.pbuf !== 0 || needsBuffer) {
      if (address === 0) address = this.#allocate(taken);
      reply.pbuf = address;
    }
    const hasSense = reply.replyType !== SCST_EXEC_REPLY_DO_WRITE_SAME && reply.senseLen > 0;
    if (hasSense) reply.psenseBuffer = this.#putSense(sense);
    if (reply.respDataLen > 0) this.#fill(address, reply.respDataLen);
  }

  /** The recording has no list of ranges, but the writes that came of it: one each. */
  #putRanges(reply: ReplyCmdView["execReply"], rest: readonly UserRecord[]): void {
    const list = new Uint8Array(reply.wsDescriptorsLen);
    const writes = rest.filter(({ kind }) => kind === "get") as GetRecord[];
    const execs = writes.filter(({ subcode }) => subcode === "EXEC");
    for (const [i, { bytes }] of execs.entries()) {
      const at = i * ScstUserDataDescriptor.size;
      if (at + ScstUserDataDescriptor.size >= list.length) break;
      const { cdb, lba } = ScstUserGetCmd.view(bytes).execCmd;
      const descriptor = ScstUserDataDescriptor.view(list, at);
      descriptor.usddLba = lba;
      descriptor.usddBlocks = Write16.view(cdb).transferLength;
    }
    reply.wsDescriptors = this.#program.put(list);
  }

  /** The handler's memory at an address. */
  bytesAt(address: number, length: number): Uint8Array | undefined {
    const segment = this.#program.arena.find(address, length);
    if (segment === undefined) return undefined;
    const start = address - segment.base;
    return segment.bytes.subarray(start, start + length);
  }

  /** What the device has read goes into the command's buffer. */
  #fill(address: number, length: number): void {
    const into = this.bytesAt(address, length);
    if (into === undefined) return;
    into.fill(0);
    if (this.data !== undefined) into.set(this.data.subarray(0, length));
  }

  #putSense(sense: Uint8Array | undefined): number {
    if (sense === undefined) return 0;
    this.bytesAt(this.#senseAddress, sense.length)?.set(sense);
    return this.#senseAddress;
  }

  #allocate({ subcode, allocCmd, execCmd }: GetCmdView): number {
    const length = subcode === SCST_USER_ALLOC_MEM ? allocCmd.allocLen : execCmd.allocLen;
    return this.#program.allocate(length).address;
  }

  #release({ subcode, onFreeCmd, onCachedMemFree }: GetCmdView): void {
    if (subcode === SCST_USER_ON_CACHED_MEM_FREE) {
      this.#program.arena.release(onCachedMemFree.pbuf);
    } else if (onFreeCmd.pbuf !== 0 && onFreeCmd.bufferCached === 0) {
      this.#program.arena.release(onFreeCmd.pbuf);
    }
  }

  /** A subcommand that nobody recorded: the answer that keeps things going. */
  answerUnexpected(view: GetCmdView): void {
    this.#program.reply(view, (reply) => {
      switch (view.subcode) {
        case SCST_USER_EXEC: {
          const read = view.execCmd.dataDirection === SCST_DATA_READ;
          const length = read ? view.execCmd.bufflen : 0;
          reply.execReply.replyType = 1;
          reply.execReply.respDataLen = length;
          if (length === 0) break;
          const { pbuf } = view.execCmd;
          const address = pbuf === 0 ? this.#allocate(view) : pbuf;
          reply.execReply.pbuf = address;
          this.#fill(address, length);
          break;
        }
        case SCST_USER_ALLOC_MEM:
          reply.allocReply.pbuf = this.#allocate(view);
          break;
        case SCST_USER_PARSE:
          reply.parseReply.status = STATUS.BUSY;
          break;
        case SCST_USER_ON_FREE_CMD:
        case SCST_USER_ON_CACHED_MEM_FREE:
          this.#release(view);
          break;
        default:
          reply.result = 0;
          break;
      }
    });
  }
}
