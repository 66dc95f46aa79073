/** A core with one raw program and target drivers that a test holds in its hands. */
import {
  type Command,
  type Core,
  createCore,
  type FlowLimits,
  type Session,
  type StateStore,
  type Target,
  type TargetDriver,
  type TaskManagementRequest,
} from "../../src/core/index.ts";
import { errnoName } from "../../src/protocol/errno.ts";
import {
  SCST_CMD_QUEUE_SIMPLE,
  SCST_DATA_BIDI,
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_WRITE,
  SCST_USER_ALLOC_MEM,
  SCST_USER_ATTACH_SESS,
  SCST_USER_EXEC,
  SCST_USER_PARSE,
} from "../../src/protocol/scst/index.ts";
import { DEVICE_TYPE, STATUS } from "../../src/protocol/scsi/index.ts";
import { FakeClock } from "./fake-clock.ts";
import { subcommandName } from "./subcommands.ts";
import { type GetCmdView, RawProgram } from "./raw-program.ts";

/** A command of a test's initiator, and what has become of it. */
export interface Sent {
  readonly command: Command;
  response: Response | undefined;
}

export interface Response {
  readonly status: number;
  /** `"5/20/00"`, or nothing. */
  readonly sense: string;
  readonly senseBytes: Uint8Array;
  readonly dataIn: Uint8Array;
  readonly residual: number;
  readonly aborted: boolean;
}

/** What {@link Initiator.send} takes. */
export interface Request {
  readonly cdb: readonly number[];
  readonly lun?: number;
  readonly tag?: number;
  readonly taskAttribute?: number;
  readonly dataOut?: Uint8Array;
  readonly dataInLength?: number;
  /** `SCST_DATA_…`, where the lengths do not say it. */
  readonly direction?: number;
  /** The initiator's length, where the data do not say it. */
  readonly expectedLength?: number;
}

/** A target driver that does what a test wants: holds data-out and responses back. */
export class TestDriver implements TargetDriver {
  readonly name = "test";
  holdData = false;
  holdResponses = false;
  readonly waitingForData: Command[] = [];
  readonly unsent: Command[] = [];
  readonly done: TaskManagementRequest[] = [];

  readyToTransfer(command: Command): void {
    const { request } = command.transport as { request: Request };
    const { data } = command;
    if (request.dataOut !== undefined) data.set(request.dataOut.subarray(0, data.length));
    if (this.holdData) this.waitingForData.push(command);
    else command.dataReceived();
  }

  sendResponse(command: Command): void {
    const { sent } = command.transport as { sent: Sent };
    sent.response = responseOf(command);
    if (this.holdResponses) this.unsent.push(command);
    else command.responseSent(true);
  }

  taskManagementDone(request: TaskManagementRequest): void {
    this.done.push(request);
  }

  /** Lets every response go that was held back. */
  deliver(delivered = true): void {
    for (const command of this.unsent.splice(0)) command.responseSent(delivered);
  }
}

function responseOf(command: Command): Response {
  const { status, senseLength, responseLength, residual, aborted } = command;
  const senseBytes = command.sense.slice(0, senseLength);
  return {
    status,
    sense: senseText(senseBytes),
    senseBytes,
    dataIn: command.data.slice(0, responseLength),
    residual,
    aborted,
  };
}

/** Key, ASC and ASCQ as people write them: `"5/24/00"`. */
export function senseText(sense: Uint8Array): string {
  if (sense.length === 0) return "";
  const descriptor = ((sense[0] as number) & 0x7f) >= 0x72;
  const places = descriptor ? [1, 2, 3] : [2, 12, 13];
  const [key = 0, asc = 0, ascq = 0] = places.map((at) => sense[at] ?? 0);
  const digits = (byte: number) => byte.toString(16).padStart(2, "0");
  return `${(key & 0xf).toString(16)}/${digits(asc)}/${digits(ascq)}`.toUpperCase();
}

/** One initiator's session. */
export class Initiator {
  readonly session: Session;

  constructor(session: Session) {
    this.session = session;
  }

  send(request: Request): Sent {
    const command = this.session.command();
    const sent: Sent = { command, response: undefined };
    const { dataOut, dataInLength = 0 } = request;
    command.setCdb(Uint8Array.from(request.cdb), 0, request.cdb.length);
    command.lun = request.lun ?? 0;
    command.tag = request.tag ?? 0;
    command.taskAttribute = request.taskAttribute ?? SCST_CMD_QUEUE_SIMPLE;
    command.expectedDirection = request.direction ?? directionOf(dataOut, dataInLength);
    command.expectedLength =
      request.expectedLength ?? (dataInLength > 0 ? dataInLength : (dataOut?.length ?? 0));
    command.expectedOutLength = dataInLength > 0 ? (dataOut?.length ?? 0) : 0;
    command.transport = { request, sent };
    command.submit();
    return sent;
  }

  /** TEST UNIT READY: it takes what unit attention there is. */
  testUnitReady(lun = 0): Sent {
    return this.send({ cdb: [0, 0, 0, 0, 0, 0], lun });
  }

  manage(functionCode: number, options: { lun?: number; tag?: number } = {}): void {
    const { lun = 0, tag = 0 } = options;
    this.session.taskManagement({ function: functionCode, lun, tag });
  }

  /** Closes the session; the returned object says whether that is over. */
  close(): { closed: boolean } {
    const state = { closed: false };
    this.session.close(() => {
      state.closed = true;
    });
    return state;
  }
}

function directionOf(dataOut: Uint8Array | undefined, dataInLength: number): number {
  if (dataOut === undefined) return dataInLength > 0 ? SCST_DATA_READ : SCST_DATA_NONE;
  return dataInLength > 0 ? SCST_DATA_BIDI : SCST_DATA_WRITE;
}

/** The options of a device that a test registers: the fields of `scst_user_opt`. */
export interface DiskOptions {
  readonly name?: string;
  readonly blockSize?: number;
  readonly type?: number;
  readonly opt?: Readonly<Record<string, number>>;
  readonly purgeIntervalSeconds?: number;
}

interface BenchOptions {
  /** Instead of one with a clock of the test. */
  readonly core?: Core;
  readonly multi?: boolean;
  readonly limits?: FlowLimits;
  readonly stateStore?: StateStore;
  readonly driver?: TestDriver;
}

export class Bench {
  readonly clock = new FakeClock();
  readonly core: Core;
  readonly driver: TestDriver;
  readonly target: Target;
  program: RawProgram;

  constructor(options: BenchOptions = {}) {
    this.driver = options.driver ?? new TestDriver();
    const { limits = {}, stateStore } = options;
    const saving = stateStore === undefined ? {} : { stateStore };
    this.core = options.core ?? createCore({ clock: this.clock, limits, ...saving });
    this.target = this.core.addTarget({ name: "target", driver: this.driver });
    this.program = new RawProgram(this.core, options);
  }

  /** Registers a disk as LUN 0. Buffers are kept and ON_FREE_CMD is not sent, unless said. */
  static withDisk(options: DiskOptions & BenchOptions = {}): Bench {
    const bench = new Bench(options);
    expectZero(registerDisk(bench.program, options));
    bench.target.addLun(0, options.name ?? "disk");
    return bench;
  }

  /** A disk, and an initiator that has nothing more to learn: its unit attention is gone. */
  static ready(options: DiskOptions & BenchOptions = {}): [Bench, Initiator] {
    const bench = Bench.withDisk(options);
    const initiator = bench.connect();
    initiator.testUnitReady();
    return [bench, initiator];
  }

  /** A session whose ATTACH_SESS messages are answered with yes. */
  connect(name = "initiator"): Initiator {
    const initiator = this.login(name);
    this.answerAttach();
    return initiator;
  }

  /** A session whose ATTACH_SESS messages wait. */
  login(name = "initiator"): Initiator {
    return new Initiator(this.target.openSession({ initiatorName: name }));
  }

  answerAttach(result = 0): void {
    for (const get of this.program.drain()) {
      if (get.subcode !== SCST_USER_ATTACH_SESS) throw new Error(subcommandName(get.subcode));
      this.program.reply(get, (reply) => {
        reply.result = result;
      });
    }
  }

  /** Gets and answers everything with success until there is nothing more; gives the names. */
  serve(): string[] {
    const names: string[] = [];
    for (let get = this.program.get(); get !== undefined; get = this.program.get()) {
      names.push(subcommandName(get.subcode));
      this.succeed(get);
    }
    return names;
  }

  succeed(get: GetCmdView, program = this.program): number {
    return program.reply(get, (reply) => {
      switch (get.subcode) {
        case SCST_USER_PARSE:
          reply.parseReply.status = STATUS.BUSY;
          break;
        case SCST_USER_ALLOC_MEM:
          reply.allocReply.pbuf = program.allocate(get.allocCmd.allocLen).address;
          break;
        case SCST_USER_EXEC: {
          const { pbuf, allocLen, bufflen, dataDirection } = get.execCmd;
          reply.execReply.replyType = 1;
          if (dataDirection !== SCST_DATA_READ || bufflen === 0) break;
          reply.execReply.respDataLen = bufflen;
          reply.execReply.pbuf = pbuf === 0 ? program.allocate(allocLen).address : pbuf;
          break;
        }
        default:
          reply.result = 0;
          break;
      }
    });
  }

  /** Nothing is left of any command: what every test may ask at its end. */
  get leftOver(): { commands: number; userCommands: number } {
    let commands = 0;
    for (const session of this.target.sessions) commands += session.active.length;
    return { commands, userCommands: this.program.device.device?.table.used ?? 0 };
  }
}

export const NOTHING_LEFT = { commands: 0, userCommands: 0 };

/** As fileio_tgt: buffers are kept, no ON_FREE_CMD, SIMPLE commands overtake each other. */
const FILEIO_OPTIONS = { memoryReuseType: 3, onFreeCmdType: 1, tst: 1, queueAlg: 1 };

export function registerDisk(program: RawProgram, options: DiskOptions = {}): number {
  return program.register((description) => {
    description.type = options.type ?? DEVICE_TYPE.DISK;
    description.blockSize = options.blockSize ?? 512;
    description.name = options.name ?? "disk";
    description.sgvPurgeInterval = options.purgeIntervalSeconds ?? 0;
    const opt = description.opt as unknown as Record<string, number>;
    Object.assign(opt, { ...FILEIO_OPTIONS, ...options.opt });
  });
}

/** `"EINVAL"` for -22, `"0"` for what succeeded. */
export function errnoOf(result: number): string {
  return result < 0 ? errnoName(result) : "0";
}

function expectZero(result: number): void {
  if (result !== 0) throw new Error(`registering failed: ${errnoName(-result)}`);
}
