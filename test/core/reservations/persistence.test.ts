/** APTPL: what is in the store is what is in memory, whatever the store does. */
import { describe, expect, test } from "vitest";
import type { ReservationOutcome } from "../../../src/core/reservations/outcome.ts";
import { Reservations } from "../../../src/core/reservations/reservations.ts";
import { decodeState, encodeState } from "../../../src/core/reservations/saved-state.ts";
import { MemoryStateStore, type StateStore } from "../../../src/core/reservations/state-store.ts";
import type { LogEntry } from "../../../src/core/log.ts";
import { iscsiBytes } from "../../../src/core/reservations/transport-id.ts";
import { cdbOf, ID_A, listOf, type Out, say, Stage } from "./support.ts";

const reg = (newKey: number, key = 0, aptpl = true): Out => ({
  action: "REGISTER",
  key,
  newKey,
  aptpl,
});

/** Fails when told to, and counts. */
class FlakyStore extends MemoryStateStore {
  failing = false;
  writes = 0;

  override save(name: string, bytes: Uint8Array): void {
    this.#attempt();
    super.save(name, bytes);
  }

  override remove(name: string): void {
    this.#attempt();
    super.remove(name);
  }

  #attempt(): void {
    this.writes++;
    if (this.failing) throw new Error("ENOSPC");
  }
}

/** Answers when it is told to. */
class SlowStore implements StateStore {
  readonly saves: Resolvers[] = [];
  readonly files = new MemoryStateStore();

  load(name: string): Uint8Array | undefined {
    return this.files.load(name);
  }

  async save(name: string, bytes: Uint8Array): Promise<void> {
    const step = resolvers();
    this.saves.push(step);
    await step.promise;
    this.files.save(name, bytes);
  }

  async remove(name: string): Promise<void> {
    const step = resolvers();
    this.saves.push(step);
    await step.promise;
    this.files.remove(name);
  }
}

interface Resolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

function resolvers(): Resolvers {
  let resolve!: () => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<void>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}

/** Long enough for whatever does not wait for the store. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

describe("saving", () => {
  test("follows the state", () => {
    const store = new FlakyStore();
    const stage = new Stage({ store });
    const saved = () => {
      const bytes = store.load("disk");
      return bytes === undefined ? "nothing" : new Stage({ store }).picture;
    };
    stage.out("A1", reg(1, 0, false));
    expect([saved(), store.writes]).toEqual(["nothing", 0]);
    stage.out("B1", reg(2));
    expect(saved()).toBe("A1:1 B1:2 | gen 0");
    stage.out("A1", { action: "RESERVE", key: 1, type: 6 });
    expect(saved()).toBe("A1:1 B1:2 | type 6 by A1 | gen 0");
    const { writes } = store;
    stage.out("A1", { action: "RESERVE", key: 1, type: 6 });
    stage.out("A1", { action: "RESERVE", key: 1, type: 1 });
    expect(store.writes).toBe(writes);
    stage.out("B1", { action: "PREEMPT", key: 2, newKey: 1, type: 7 });
    expect(saved()).toBe("B1:2 | type 7 by all | gen 0");
    stage.out("B1", { action: "CLEAR", key: 2 });
    expect([saved(), store.files.size]).toEqual(["nothing", 0]);
    stage.out("A1", reg(1));
    stage.out("A1", reg(1, 1, false));
    expect(saved()).toBe("nothing");
  });

  test("what fails is told and changes nothing", () => {
    const store = new FlakyStore();
    const log: LogEntry[] = [];
    const stage = new Stage({ store, log: (entry) => log.push(entry) });
    stage.out("A1", reg(1));
    stage.out("B1", reg(2));
    stage.out("A1", { action: "RESERVE", key: 1, type: 5 });
    const before = stage.picture;
    store.failing = true;
    const failing: Out[] = [
      reg(7, 1),
      reg(0, 1),
      reg(1, 1, false),
      { action: "CLEAR", key: 1 },
      { action: "RELEASE", key: 1, type: 5 },
      { action: "PREEMPT", key: 1, newKey: 2 },
    ];
    for (const out of failing) {
      expect(say(stage.out("A1", out))).toBe("4/44/00");
      expect(stage.picture).toBe(before);
      expect(stage.takeNotices()).toBe("");
      expect(decodeState(store.load("disk")!).reservation?.type).toBe(5);
    }
    expect(log.map(({ code }) => code)).toEqual(failing.map(() => "RESERVATIONS_NOT_SAVED"));
    expect(log[0]?.cause).toMatchObject({ message: "ENOSPC" });
    store.failing = false;
    // The store may have anything by now: what is the same is saved all the same.
    const { writes } = store;
    expect(say(stage.out("A1", reg(1, 1)))).toBe("GOOD");
    expect(store.writes).toBe(writes + 1);
  });

  test("goes on while others read, and nothing overtakes it", async () => {
    const store = new SlowStore();
    const stage = new Stage({ store });
    const answers: string[] = [];
    const note = (name: string, answer: ReservationOutcome | Promise<ReservationOutcome>) =>
      Promise.resolve(answer).then((outcome) => answers.push(`${name} ${say(outcome)}`));
    const all = [note("A1 registers", stage.submit("A1", reg(1)))];
    const reserve = Uint8Array.of(0x16, 0, 0, 0, 0, 0);
    const list = reg(2);
    all.push(note("B1 reserves", stage.reservations.reserve(stage.nexuses.B1, reserve)));
    all.push(note("B1 registers", stage.submit("B1", list)));
    all.push(note("B1 releases", stage.reservations.release(stage.nexuses.B1, reserve)));
    await settle();
    expect(answers).toEqual([]);
    expect(stage.picture).toBe(" | gen 0");
    expect(say(stage.in("A1", "READ_KEYS"))).toBe("GOOD");
    store.saves[0]?.resolve();
    await settle();
    // With a registrant there is nothing for RESERVE to have.
    expect(answers).toEqual(["A1 registers GOOD", "B1 reserves CONFLICT"]);
    expect(stage.picture).toBe("A1:1 | gen 1");
    store.saves[1]?.reject(new Error("EIO"));
    await Promise.all(all);
    expect(answers.slice(2)).toEqual(["B1 registers 4/44/00", "B1 releases CONFLICT"]);
    expect(stage.picture).toBe("A1:1 | gen 1");
  });

  test("an initiator that comes meanwhile finds its registration", async () => {
    const store = new SlowStore();
    const files = new MemoryStateStore();
    const first = new Stage({ store: files });
    first.out("A1", reg(1));
    // SCST saves initiators without their ports if it is told so.
    const [registration] = [...first.reservations.state.registrations.values()];
    const device = iscsiBytes(0, "iqn.2024-01.net.example:alice", 24);
    const port = "5:iqn.2024-01.net.example:alice";
    const named = { ...registration!, identity: `1/${port}`, port, transportId: device };
    const registrations = new Map([[named.identity, named]]);
    const state = { ...first.reservations.state, registrations };
    store.files.save("disk", encodeState(state));
    const reservations = new Reservations({ name: "disk", store });
    const { A1, B1 } = first.nexuses;
    reservations.attach(B1);
    const out = reg(2);
    const answer = reservations.persistentReserveOut(B1, cdbOf(out), listOf(out));
    reservations.attach(A1);
    store.saves[0]?.resolve();
    expect(say(await answer)).toBe("GOOD");
    expect([...reservations.state.registrations.values()][0]?.transportId).toEqual(ID_A);
  });
});

describe("loading", () => {
  function saved(): Uint8Array {
    const store = new MemoryStateStore();
    const stage = new Stage({ store });
    stage.out("A1", reg(1));
    stage.out("A1", { action: "RESERVE", key: 1, type: 3 });
    return store.load("disk")!;
  }

  test.each<[string, main: Uint8Array | undefined, backup: Uint8Array | undefined, string]>([
    ["nothing", undefined, undefined, " | gen 0"],
    ["the file", saved(), undefined, "A1:1 | type 3 by A1 | gen 0"],
    ["the file, not its backup", saved(), saved().with(18, 1), "A1:1 | type 3 by A1 | gen 0"],
    ["the backup of a damaged file", saved().with(0, 0), saved(), "A1:1 | type 3 by A1 | gen 0"],
    ["the backup alone", undefined, saved(), "A1:1 | type 3 by A1 | gen 0"],
  ])("%s", (_name, main, backup, picture) => {
    const store = new FlakyStore();
    if (main !== undefined) store.files.set("disk", main);
    if (backup !== undefined) store.files.set("disk.1", backup);
    const stage = new Stage({ store });
    expect(stage.picture).toBe(picture);
    if (backup === undefined) return;
    // Nothing of it comes back.
    expect(say(stage.out("A1", { action: "CLEAR", key: 1 }))).toBe("GOOD");
    expect(store.files.size).toBe(0);
  });

  test.each([
    ["a damaged file without a backup", saved().subarray(1), undefined],
    ["a damaged file with a damaged backup", saved().subarray(1), saved().subarray(1)],
    ["a damaged backup alone", undefined, saved().subarray(1)],
  ])("%s keeps the device away", (_name, main, backup) => {
    const store = new MemoryStateStore();
    if (main !== undefined) store.files.set("disk", main);
    if (backup !== undefined) store.files.set("disk.1", backup);
    expect(() => new Stage({ store })).toThrow(
      expect.objectContaining({ code: "SAVED_RESERVATIONS" }),
    );
  });
});
