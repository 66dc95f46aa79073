/** The depth that keeps a command's worst execution time between timeout/10 and timeout/5. */
import { describe, expect, test } from "vitest";
import {
  type Execution,
  QUEUE_DEPTH_DEFAULT,
  QUEUE_DEPTH_MAX,
  QueueDepth,
} from "../../src/core/queue-depth.ts";
import { FakeClock } from "../support/fake-clock.ts";

const TIMEOUT_SECONDS = 10;
const INTERVAL_MS = 60_000;

class CountingClock extends FakeClock {
  reads = 0;

  override now(): number {
    this.reads++;
    return super.now();
  }
}

function rig(options: { max?: number; intervalMs?: number } = {}) {
  const clock = new CountingClock();
  const running = new Set<Execution>();
  const depth = new QueueDepth(() => running);
  depth.max = options.max ?? 64;
  depth.adapt(clock, { intervalMs: options.intervalMs ?? INTERVAL_MS });
  const begin = (): Execution => {
    const execution = { beganAt: depth.begins(), timeoutSeconds: TIMEOUT_SECONDS };
    running.add(execution);
    return execution;
  };
  const end = (execution: Execution) => {
    running.delete(execution);
    depth.ends(execution);
  };
  /** Commands that begin together and take so long. */
  const run = (milliseconds: number, count = 1) => {
    const executions = Array.from({ length: count }, begin);
    clock.advance(milliseconds);
    for (const execution of executions) end(execution);
  };
  return { clock, depth, begin, end, run };
}

describe("one execution, with a timeout of 10 s", () => {
  test.each([
    ["quick", 999, 64],
    ["between a tenth and a fifth of the timeout", 1500, 64],
    ["just a fifth", 2000, 64],
    ["slow", 2001, 32],
    ["longer than the timeout", 20_000, 32],
  ])("%s", (_title, milliseconds, expected) => {
    const { depth, run } = rig();
    run(milliseconds);
    expect(depth.current).toBe(expected);
    expect(depth.worstMs).toBe(milliseconds);
  });
});

describe("many", () => {
  test("each round of slow ones halves it, down to one", () => {
    const { depth, run } = rig();
    const depths = Array.from({ length: 8 }, () => {
      run(3000, depth.current);
      return depth.current;
    });
    expect(depths).toEqual([32, 16, 8, 4, 2, 1, 1, 1]);
    expect(depth.halvedCount).toBe(6);
  });

  test("those that began before a change do not count towards the next", () => {
    const { clock, depth, begin, end } = rig();
    const executions = Array.from({ length: 64 }, begin);
    for (const execution of executions) {
      clock.advance(3000);
      end(execution);
    }
    expect(depth.current).toBe(32);
  });

  test("an interval of quick ones raises it by one, up to the most", () => {
    const { depth, run } = rig({ max: 4 });
    run(3000);
    expect(depth.current).toBe(2);
    const depths = Array.from({ length: 5 }, () => {
      for (let ms = 0; ms < INTERVAL_MS; ms += 500) run(500, 3);
      return depth.current;
    });
    // The first of them holds the slow one.
    expect(depths).toEqual([2, 3, 4, 4, 4]);
    expect(depth.raisedCount).toBe(2);
  });

  test("one that is not quick keeps it where it is for the interval", () => {
    const { depth, run } = rig({ max: 4 });
    run(3000);
    for (let i = 0; i < 3; i++) {
      run(1500);
      for (let ms = 0; ms < INTERVAL_MS; ms += 500) run(500);
    }
    expect(depth.current).toBe(2);
  });

  test("nothing is learnt from an interval without commands", () => {
    const { clock, depth, run } = rig();
    run(3000);
    clock.advance(10 * INTERVAL_MS);
    expect(depth.current).toBe(32);
  });

  test("one that hangs is noticed at the end of the interval", () => {
    const { clock, depth, begin } = rig();
    begin();
    clock.advance(INTERVAL_MS + 100);
    expect(depth.current).toBe(32);
  });
});

describe("the clock", () => {
  test("is looked at once a command, beside its own tick", () => {
    const { clock, begin, end } = rig();
    const reads = clock.reads;
    for (let i = 0; i < 1000; i++) end(begin());
    expect(clock.reads - reads).toBe(1000);
  });

  test("knows a begin to 100 ms", () => {
    const { clock, depth, begin, end } = rig();
    clock.advance(150);
    const execution = begin();
    clock.advance(1000);
    end(execution);
    expect(depth.worstMs).toBe(1050);
  });
});

describe("fixed", () => {
  test("costs no look at the clock, and has no timer", () => {
    const { clock, depth, run } = rig();
    run(3000);
    depth.fix();
    expect([depth.current, depth.adapts, clock.timers]).toEqual([64, false, 0]);
    const reads = clock.reads;
    run(3000);
    expect([depth.current, clock.reads - reads]).toEqual([64, 0]);
  });

  test("what began then is not measured later", () => {
    const { clock, depth, begin, end } = rig();
    depth.fix();
    const execution = begin();
    depth.adapt(clock);
    clock.advance(9000);
    end(execution);
    expect([depth.current, depth.worstMs]).toEqual([64, 0]);
  });

  test("the most, set to another value, holds at once", () => {
    const depth = new QueueDepth(() => []);
    expect(depth.current).toBe(QUEUE_DEPTH_DEFAULT);
    depth.max = 7;
    expect([depth.current, depth.max]).toEqual([7, 7]);
  });

  test("a most below what it is now holds too while it adapts", () => {
    const { depth } = rig();
    depth.max = 5;
    expect(depth.current).toBe(5);
    depth.max = 64;
    expect(depth.current).toBe(5);
  });

  test.each([0, -1, 1.5, NaN, QUEUE_DEPTH_MAX + 1])("it can't be %d", (max) => {
    const depth = new QueueDepth(() => []);
    expect(() => (depth.max = max)).toThrow(expect.objectContaining({ code: "QUEUE_DEPTH" }));
  });

  test("an interval shorter than what can be measured is refused", () => {
    const depth = new QueueDepth(() => []);
    expect(() => depth.adapt(new FakeClock(), { intervalMs: 99 })).toThrow(
      expect.objectContaining({ code: "QUEUE_DEPTH_INTERVAL" }),
    );
  });
});
