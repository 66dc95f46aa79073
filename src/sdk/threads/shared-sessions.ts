import { SystemError } from "../../protocol/errors.ts";
import { ERRNO } from "../../protocol/errno.ts";
import { ScstUserSess } from "../../protocol/scst/index.ts";
import { Sessions, type SessView } from "../device/sessions.ts";
import type { DeviceSession } from "../handler.ts";

/** SCST has no limit; initiators to one device are few. */
const SESSIONS_MAX = 1024;

const SLOT_LENGTH = ScstUserSess.size;

/** Sessions of a device, for all its threads. */
export interface SessionTable {
  /** Counts changes. */
  readonly generation: Int32Array;
  readonly used: Int32Array;
  readonly slots: Uint8Array;
}

export function sessionTable(): SessionTable {
  return {
    generation: new Int32Array(new SharedArrayBuffer(4)),
    used: new Int32Array(new SharedArrayBuffer(4 * SESSIONS_MAX)),
    slots: new Uint8Array(new SharedArrayBuffer(SLOT_LENGTH * SESSIONS_MAX)),
  };
}

/** A thread's view of the sessions: ATTACH_SESS may come to one thread, commands to others. */
export class SharedSessions extends Sessions {
  readonly #table: SessionTable;
  #generation = 0;

  constructor(table: SessionTable) {
    super();
    this.#table = table;
  }

  override add(view: SessView): DeviceSession {
    const { used, slots } = this.#table;
    for (let i = 0; i < SESSIONS_MAX; i++) {
      // A slot is nobody's, then ours, then everybody's.
      if (Atomics.compareExchange(used, i, 0, 1) !== 0) continue;
      slots.set(view.bytes.subarray(view.offset, view.offset + SLOT_LENGTH), i * SLOT_LENGTH);
      Atomics.store(used, i, 2);
      this.#changed();
      return super.add(view);
    }
    const message = `more than ${SESSIONS_MAX} sessions`;
    throw new SystemError("ENOMEM", ERRNO.ENOMEM, message);
  }

  override find(low: number, high: number): DeviceSession | undefined {
    const generation = Atomics.load(this.#table.generation, 0);
    if (generation !== this.#generation) this.#readAgain(generation);
    return super.find(low, high);
  }

  override remove(handle: bigint): DeviceSession | undefined {
    this.#readAgain(Atomics.load(this.#table.generation, 0));
    const { used } = this.#table;
    for (let i = 0; i < SESSIONS_MAX; i++) {
      if (Atomics.load(used, i) === 2 && this.#slot(i).sessH === handle) Atomics.store(used, i, 0);
    }
    this.#changed();
    return super.remove(handle);
  }

  #changed(): void {
    Atomics.add(this.#table.generation, 0, 1);
  }

  #readAgain(generation: number): void {
    this.#generation = generation;
    const current = new Map<bigint, SessView>();
    for (let i = 0; i < SESSIONS_MAX; i++) {
      if (Atomics.load(this.#table.used, i) !== 2) continue;
      const view = this.#slot(i);
      current.set(view.sessH, view);
    }
    this.reset(current);
  }

  #slot(index: number): SessView {
    const at = index * SLOT_LENGTH;
    return ScstUserSess.view(this.#table.slots.slice(at, at + SLOT_LENGTH));
  }
}
