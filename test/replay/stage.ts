/** The in-process core with everything that the recording machine had. */
import { type Core, createCore } from "../../src/core/index.ts";
import {
  SCST_CMD_QUEUE_SIMPLE,
  SCST_CMD_QUEUE_UNTAGGED,
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_WRITE,
  SCST_IMPLICIT_HQ,
  ScstUserDevDesc,
} from "../../src/protocol/scst/index.ts";
import { DEVICE_TYPE, findCommand } from "../../src/protocol/scsi/index.ts";
import { type LocalInitiator, LocalTarget } from "../../src/targets/local/index.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type GetCmdView, RawProgram } from "../support/raw-program.ts";
import { type CommandStep, type Trace, TraceError } from "./trace.ts";

const TARGET_NAME = "scst_local_tgt";

/** What scst_local says: SAS (SPC-5, "Version descriptors"). */
const TRANSPORT_VERSION = 0x0be0;

/** What the initiator saw. */
export interface Response {
  readonly status: number;
  readonly sense: Uint8Array;
  readonly dataIn: Uint8Array;
  readonly residual: number;
}

/** A command on its way. */
export interface Pending {
  response: Response | undefined;
}

export class Stage {
  readonly core: Core;
  readonly program: RawProgram;
  readonly #target: LocalTarget;
  readonly #initiators: LocalInitiator[] = [];
  #blockSize = 0;

  constructor(trace: Trace) {
    this.core = createCore({ clock: new FakeClock() });
    this.#target = new LocalTarget(this.core, TARGET_NAME, TRANSPORT_VERSION);
    this.program = new RawProgram(this.core, { multi: trace.multi });
  }

  /** REGISTER_DEVICE with the recorded bytes, and LUN 0 for the initiators to come. */
  register(recorded: Uint8Array): number {
    const view = ScstUserDevDesc.view(recorded.slice());
    const result = this.program.register((description) => {
      const { versionStr, licenseStr } = description;
      description.bytes.set(view.bytes);
      description.versionStr = versionStr;
      description.licenseStr = licenseStr;
    });
    if (result < 0) return result;
    this.#blockSize = view.blockSize;
    this.#target.addLun(0, view.name);
    return result;
  }

  ioctlWith(request: number, bytes: Uint8Array): number {
    return this.program.ioctlWith(request, bytes);
  }

  connect(nexus: number, initiatorName: string): void {
    this.#initiators[nexus] = this.#target.connect(initiatorName);
  }

  initiator(nexus: number): LocalInitiator {
    const initiator = this.#initiators[nexus];
    if (initiator === undefined) throw new TraceError(`nexus ${nexus} is not there yet`);
    return initiator;
  }

  /** Ends the sessions whose LUN the recording takes away at last. */
  removeLun(): void {
    this.#target.removeLun(0);
  }

  submitStep(step: CommandStep): Pending {
    const { cdb, dataInLength } = step;
    const dataOut = this.dataOutOf(step);
    return this.#submit(step.nexus, {
      cdb,
      expectedDirection: directionOf(dataInLength, dataOut),
      expectedLength: dataInLength > 0 ? dataInLength : (dataOut?.length ?? 0),
      dataOut,
      taskAttribute: SCST_CMD_QUEUE_SIMPLE,
    });
  }

  /** The command of an initiator's own, as its EXEC shows it. */
  submitRecorded(nexus: number, { execCmd }: GetCmdView): Pending {
    const cdb = execCmd.cdb.slice(0, execCmd.cdbLen);
    return this.#submit(nexus, {
      cdb,
      expectedDirection: execCmd.dataDirection,
      expectedLength: execCmd.bufflen,
      dataOut: undefined,
      taskAttribute: taskAttributeOf(cdb, execCmd.queueType),
    });
  }

  /** The data-out of a step: as recorded, or the low byte of the block count again and again. */
  dataOutOf({ dataOut }: CommandStep): Uint8Array | undefined {
    if (typeof dataOut !== "number") return dataOut;
    return new Uint8Array(dataOut).fill((dataOut / this.#blockSize) & 0xff);
  }

  #submit(
    nexus: number,
    command: {
      cdb: Uint8Array;
      expectedDirection: number;
      expectedLength: number;
      dataOut: Uint8Array | undefined;
      taskAttribute: number;
    },
  ): Pending {
    const pending: Pending = { response: undefined };
    this.initiator(nexus).submit({
      ...command,
      lun: 0,
      done({ status, sense, senseLength, data, responseLength, residual }) {
        pending.response = {
          status,
          sense: sense.slice(0, senseLength),
          dataIn: data.slice(0, Math.min(responseLength, command.expectedLength)),
          residual,
        };
      },
    });
    return pending;
  }
}

function directionOf(dataInLength: number, dataOut: Uint8Array | undefined): number {
  if (dataInLength > 0) return SCST_DATA_READ;
  return dataOut === undefined ? SCST_DATA_NONE : SCST_DATA_WRITE;
}

/** An implicit head-of-queue command that arrived as SIMPLE was sent untagged. */
function taskAttributeOf(cdb: Uint8Array, queueType: number): number {
  const flags = findCommand(cdb, DEVICE_TYPE.DISK)?.flags ?? 0;
  if ((flags & SCST_IMPLICIT_HQ) === 0) return queueType;
  return queueType === SCST_CMD_QUEUE_SIMPLE ? SCST_CMD_QUEUE_UNTAGGED : SCST_CMD_QUEUE_SIMPLE;
}
