import { describe, expect, it } from "vitest";
import { Attention } from "../../src/runtime/attention.ts";

/**
 * A machine on which a request comes `replyMs` after the last was dealt with, and later by
 * `wakeUpMs` where the event loop sleeps, or by `crowdedMs` where it does not.
 */
class Machine {
  replyMs = 0.02;
  wakeUpMs = 0;
  crowdedMs = 0;
  /** Time in which the loop was awake without work. */
  awakeMs = 0;
  #nowMs = 0;
  #turn: (() => void) | undefined;
  readonly #turnMs = 0.005;
  readonly attention: Attention;

  constructor(awakeUsMax = 200, look?: () => void) {
    this.attention = new Attention(awakeUsMax, look, {
      now: () => this.#nowMs,
      nextTurn: (callback) => {
        this.#turn = callback;
      },
    });
  }

  /** The time that `count` requests take; each has `length` bytes. */
  run(count: number, length = 48): number {
    const begun = this.#nowMs;
    for (let i = 0; i < count; i++) {
      this.#wait();
      this.attention.received(length);
    }
    return this.#nowMs - begun;
  }

  #wait(): void {
    const awake = this.#turn !== undefined;
    const comes = this.#nowMs + this.replyMs + (awake ? this.crowdedMs : 0);
    while (this.#turn !== undefined && this.#nowMs < comes) {
      const turn = this.#turn;
      this.#turn = undefined;
      this.#nowMs += this.#turnMs;
      this.awakeMs += this.#turnMs;
      turn();
    }
    const asleep = this.#turn === undefined;
    this.#nowMs = Math.max(this.#nowMs, comes) + (asleep ? this.wakeUpMs : 0);
  }

  /** Turns of the event loop until it sleeps. */
  turnsUntilAsleep(): number {
    let turns = 0;
    while (this.#turn !== undefined) {
      const turn = this.#turn;
      this.#turn = undefined;
      this.#nowMs += this.#turnMs;
      turn();
      turns++;
    }
    return turns;
  }
}

const MANY = 50_000;

describe("Attention", () => {
  it("stays awake where waking up takes longer than the request", () => {
    const machine = new Machine();
    machine.wakeUpMs = 0.06;
    expect(machine.run(MANY)).toBeLessThan(MANY * (machine.replyMs + machine.wakeUpMs) * 0.5);
  });

  it("sleeps where staying awake keeps others from working", () => {
    const machine = new Machine();
    machine.wakeUpMs = 0.01;
    machine.crowdedMs = 0.05;
    machine.run(MANY);
    expect(machine.awakeMs).toBeLessThan(MANY * machine.replyMs * 0.25);
  });

  it("sleeps where it makes no difference", () => {
    const machine = new Machine();
    machine.run(MANY);
    expect(machine.awakeMs).toBeLessThan(MANY * machine.replyMs * 0.1);
  });

  it("finds out that the load has changed", () => {
    const machine = new Machine();
    machine.run(MANY);
    machine.wakeUpMs = 0.06;
    machine.run(MANY);
    const awakeMs = machine.awakeMs;
    machine.run(MANY);
    expect(machine.awakeMs - awakeMs).toBeGreaterThan(MANY * machine.replyMs * 0.8);
    machine.wakeUpMs = 0;
    machine.crowdedMs = 0.03;
    machine.run(MANY);
    const then = machine.awakeMs;
    machine.run(MANY);
    expect(machine.awakeMs - then).toBeLessThan(MANY * machine.replyMs * 0.25);
  });

  it("never waits for requests that come seldom", () => {
    const machine = new Machine();
    machine.replyMs = 1;
    machine.wakeUpMs = 0.06;
    machine.run(MANY);
    expect(machine.awakeMs).toBe(0);
  });

  it("never waits where that is turned off", () => {
    const machine = new Machine(0);
    machine.wakeUpMs = 0.06;
    machine.run(MANY);
    expect(machine.awakeMs).toBe(0);
  });

  it("sleeps when nothing comes any more", () => {
    const machine = new Machine();
    machine.wakeUpMs = 0.06;
    machine.run(MANY);
    const turns = machine.turnsUntilAsleep();
    expect(turns).toBeGreaterThan(0);
    expect(turns).toBeLessThanOrEqual(41);
  });
});
