/**
 * A local initiator, the core, the bytes of scst_user and a handler that does nothing: what a
 * command costs apart from its device and its transport.
 */
import {
  type Core,
  createCore,
  defineDevice,
  DEVICE_TYPE,
  good,
  LocalTarget,
  type LocalInitiator,
  type LocalTask,
  loopbackChannel,
  registerDevice,
  SCST_DATA_NONE,
  SCST_DATA_READ,
} from "scst-user";

const BLOCK_SIZE = 512;
const READ_LENGTH = 4096;

export interface Workload {
  readonly name: string;
  readonly cdb: readonly number[];
  readonly direction: number;
  readonly length: number;
}

export const WORKLOADS = {
  testUnitReady: {
    name: "TEST UNIT READY",
    cdb: [0x00, 0, 0, 0, 0, 0],
    direction: SCST_DATA_NONE,
    length: 0,
  },
  read4k: {
    name: "READ(10) of 4 KiB",
    cdb: [0x28, 0, 0, 0, 0, 0, 0, 0, READ_LENGTH / BLOCK_SIZE, 0],
    direction: SCST_DATA_READ,
    length: READ_LENGTH,
  },
} as const satisfies Record<string, Workload>;

export type WorkloadName = keyof typeof WORKLOADS;

export interface Rig {
  /** Executes `count` commands, `depth` at a time in one batch each. */
  run(count: number): void;
  close(): Promise<void>;
}

/** How many I_T_L nexuses there are, which have the commands in turn. */
export interface Scale {
  readonly luns: number;
  readonly sessions: number;
}

export const ONE_NEXUS: Scale = { luns: 1, sessions: 1 };

/** Tasks are made once and submitted again and again, as a target driver does. */
export async function openRig(
  workload: Workload,
  depth: number,
  scale: Scale = ONE_NEXUS,
): Promise<Rig> {
  const core = createCore();
  const device = await registerDevice(
    loopbackChannel(core),
    "null",
    defineDevice({ type: DEVICE_TYPE.DISK, blockSize: BLOCK_SIZE, exec: () => good }),
  );
  const target = new LocalTarget(core, "bench");
  for (let lun = 0; lun < scale.luns; lun++) target.addLun(lun, "null");
  const initiators: LocalInitiator[] = [];
  for (let i = 0; i < scale.sessions; i++) {
    const initiator = target.connect(`bench${i}`);
    for (let lun = 0; lun < scale.luns; lun++) await clearUnitAttention(initiator, lun);
    initiators.push(initiator);
  }

  const counter = { done: 0, failed: 0 };
  const tasks = Array.from({ length: depth }, () => taskOf(workload, counter));
  const turn: Turn = { core, initiators, luns: scale.luns, tasks, counter };
  return {
    run(count: number) {
      counter.done = 0;
      submitAll(turn, count);
      if (counter.failed > 0) throw new Error(`${counter.failed} commands failed`);
    },
    async close() {
      for (const initiator of initiators) await initiator.close();
      await device.close();
    },
  };
}

/** The first command of a nexus is told of the power on. */
async function clearUnitAttention(initiator: LocalInitiator, lun: number): Promise<void> {
  await initiator.execute({ cdb: WORKLOADS.testUnitReady.cdb, lun });
  const { status } = await initiator.execute({ cdb: WORKLOADS.testUnitReady.cdb, lun });
  if (status !== 0) throw new Error(`the null device answers TEST UNIT READY with ${status}`);
}

interface Counter {
  done: number;
  failed: number;
}

function taskOf(workload: Workload, counter: Counter): LocalTask {
  return {
    lun: 0,
    cdb: Uint8Array.from(workload.cdb),
    expectedDirection: workload.direction,
    expectedLength: workload.length,
    done(command) {
      counter.done++;
      if (command.status !== 0 || command.responseLength !== workload.length) counter.failed++;
    },
  };
}

interface Turn {
  readonly core: Core;
  readonly initiators: readonly LocalInitiator[];
  readonly luns: number;
  readonly tasks: readonly LocalTask[];
  readonly counter: Counter;
}

/** The nexuses have the commands in turn: initiator by initiator, then the next LUN. */
function submitAll({ core, initiators, luns, tasks, counter }: Turn, count: number): void {
  let initiator = 0;
  let lun = 0;
  while (counter.done < count) {
    const before = counter.done;
    core.enter();
    for (const task of tasks) {
      task.lun = lun;
      (initiators[initiator] as LocalInitiator).submit(task);
      if (++initiator < initiators.length) continue;
      initiator = 0;
      lun = lun + 1 === luns ? 0 : lun + 1;
    }
    core.leave();
    if (counter.done !== before + tasks.length) {
      throw new Error(`${tasks.length} commands submitted, ${counter.done - before} done`);
    }
  }
}
