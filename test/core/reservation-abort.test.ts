/** Task management meets a PERSISTENT RESERVE OUT whose change is being saved. */
import { expect, test } from "vitest";
import { COMMAND_STATE, TASK_MANAGEMENT_STATUS } from "../../src/core/index.ts";
import { MemoryStateStore, type StateStore } from "../../src/core/reservations/state-store.ts";
import {
  SCST_ABORT_TASK,
  SCST_ABORT_TASK_SET,
  SCST_CLEAR_TASK_SET,
  SCST_LUN_RESET,
  SCST_TARGET_RESET,
} from "../../src/protocol/scst/index.ts";
import { PERSISTENT_RESERVE_OUT, STATUS } from "../../src/protocol/scsi/index.ts";
import { Bench, NOTHING_LEFT } from "../support/bench.ts";

const TAG = 77;
const { SUCCESS } = TASK_MANAGEMENT_STATUS;

/** Saves when it is told to. */
class SlowStore implements StateStore {
  readonly files = new MemoryStateStore();
  readonly #saves: (() => void)[] = [];

  load(name: string): Uint8Array | undefined {
    return this.files.load(name);
  }

  save(name: string, bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#saves.push(() => {
        this.files.save(name, bytes);
        resolve();
      });
    });
  }

  remove(name: string): void {
    this.files.remove(name);
  }

  /** Lets every save end, those that follow one too. */
  async finish(): Promise<void> {
    for (let i = 0; i < 10; i++) {
      for (const save of this.#saves.splice(0)) save();
      await Promise.resolve();
    }
  }
}

test.each([
  ["ABORT TASK of one's own", SCST_ABORT_TASK, true, 0, "aborted"],
  ["ABORT TASK SET of one's own", SCST_ABORT_TASK_SET, true, 1, "aborted"],
  ["LOGICAL UNIT RESET of one's own", SCST_LUN_RESET, true, 1, "aborted"],
  ["CLEAR TASK SET of another's, TAS 0", SCST_CLEAR_TASK_SET, false, 0, "aborted"],
  ["CLEAR TASK SET of another's, TAS 1", SCST_CLEAR_TASK_SET, false, 1, STATUS.TASK_ABORTED],
  ["LOGICAL UNIT RESET of another's", SCST_LUN_RESET, false, 1, STATUS.TASK_ABORTED],
  ["target reset of another's", SCST_TARGET_RESET, false, 0, "aborted"],
])("%s waits for the save, which stays", async (_title, code, own, tas, expected) => {
  const stateStore = new SlowStore();
  const bench = Bench.withDisk({ opt: { tst: 0, tas }, stateStore });
  const [a, b] = [bench.connect("a"), bench.connect("b")];
  for (const initiator of [a, b]) initiator.testUnitReady();
  const dataOut = new Uint8Array(24);
  // SERVICE ACTION RESERVATION KEY, and APTPL.
  dataOut[15] = 1;
  dataOut[20] = 1;
  const cdb = [0x5f, PERSISTENT_RESERVE_OUT.REGISTER, 0, 0, 0, 0, 0, 0, 24, 0];
  const sent = (own ? a : b).send({ cdb, dataOut, tag: TAG });
  bench.serve();
  expect(sent.command.state).toBe(COMMAND_STATE.LOCAL_EXEC);

  a.manage(code, { tag: TAG });
  bench.serve();
  expect([sent.response, bench.driver.done]).toEqual([undefined, []]);
  await stateStore.finish();
  bench.serve();
  const { response } = sent;
  expect(response?.aborted === true ? "aborted" : response?.status).toBe(expected);
  expect(bench.driver.done.map(({ status }) => status)).toEqual([SUCCESS]);
  expect(stateStore.files.load("disk")).toBeDefined();
  expect(bench.leftOver).toEqual(NOTHING_LEFT);
});
