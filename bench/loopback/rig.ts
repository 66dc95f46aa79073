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

/** Tasks are made once and submitted again and again, as a target driver does. */
export async function openRig(workload: Workload, depth: number): Promise<Rig> {
  const core = createCore();
  const device = await registerDevice(
    loopbackChannel(core),
    "null",
    defineDevice({ type: DEVICE_TYPE.DISK, blockSize: BLOCK_SIZE, exec: () => good }),
  );
  const target = new LocalTarget(core, "bench");
  target.addLun(0, "null");
  const initiator = target.connect("bench");
  await clearUnitAttention(initiator);

  const counter = { done: 0, failed: 0 };
  const tasks = Array.from({ length: depth }, () => taskOf(workload, counter));
  return {
    run(count: number) {
      counter.done = 0;
      submitAll(core, initiator, tasks, counter, count);
      if (counter.failed > 0) throw new Error(`${counter.failed} commands failed`);
    },
    async close() {
      await initiator.close();
      await device.close();
    },
  };
}

/** The first command of a nexus is told of the power on. */
async function clearUnitAttention(initiator: LocalInitiator): Promise<void> {
  await initiator.execute({ cdb: WORKLOADS.testUnitReady.cdb });
  const { status } = await initiator.execute({ cdb: WORKLOADS.testUnitReady.cdb });
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

function submitAll(
  core: Core,
  initiator: LocalInitiator,
  tasks: readonly LocalTask[],
  counter: Counter,
  count: number,
): void {
  while (counter.done < count) {
    const before = counter.done;
    core.enter();
    for (const task of tasks) initiator.submit(task);
    core.leave();
    if (counter.done !== before + tasks.length) {
      throw new Error(`${tasks.length} commands submitted, ${counter.done - before} done`);
    }
  }
}
