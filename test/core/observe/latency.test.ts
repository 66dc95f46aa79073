/** Where the time of commands goes, by a clock that the test advances. */
import { describe, expect, test } from "vitest";
import { createCore } from "../../../src/core/index.ts";
import type { LatencySnapshot } from "../../../src/core/observe/latency.ts";
import {
  SCST_CMD_QUEUE_SIMPLE,
  SCST_DATA_NONE,
  SCST_INFO_VALID,
} from "../../../src/protocol/scst/index.ts";
import { Bench } from "../../support/bench.ts";
import { read10, write10 } from "../../support/cdbs.ts";

const READ = { cdb: read10(0, 8), dataInLength: 4096 };
const WRITE = { cdb: write10(0, 8), dataOut: new Uint8Array(4096) };

function sums(latency: LatencySnapshot | undefined): Record<string, readonly [number, number]> {
  const entries = Object.entries(latency ?? {}) as [string, { count: number; sum: number }][];
  return Object.fromEntries(entries.map(([name, { count, sum }]) => [name, [count, sum]]));
}

/** Both have seen the same commands. */
function measured(bench: Bench) {
  const { targets, devices } = bench.core.snapshot();
  const device = sums(devices[0]?.latency);
  expect(sums(targets[0]?.sessions[0]?.latency)).toEqual(device);
  return device;
}

describe("phases, as [count, sum in µs]", () => {
  test("a read: the handler takes 3 ms, the response 5 ms", () => {
    const [bench, initiator] = Bench.ready();
    bench.core.observer.startLatency();
    bench.driver.holdResponses = true;
    initiator.send(READ);
    bench.clock.advance(3);
    bench.serve();
    bench.clock.advance(5);
    bench.driver.deliver();
    expect(measured(bench)).toEqual({
      parse: [1, 0],
      exec: [1, 3000],
      transfer: [1, 5000],
      total: [1, 8000],
    });
  });

  test("a write: the buffer takes 1 ms, data-out 2 ms, the handler 4 ms", () => {
    const [bench, initiator] = Bench.ready();
    bench.core.observer.startLatency();
    bench.driver.holdData = true;
    initiator.send(WRITE);
    bench.clock.advance(1);
    bench.succeed(bench.program.expectGet());
    bench.clock.advance(2);
    for (const command of bench.driver.waitingForData.splice(0)) command.dataReceived();
    bench.clock.advance(4);
    bench.serve();
    expect(measured(bench)).toEqual({
      parse: [1, 0],
      exec: [1, 4000],
      transfer: [1, 2000],
      total: [1, 7000],
    });
  });

  test("a parse by the handler takes 6 ms", () => {
    const [bench, initiator] = Bench.ready({ opt: { parseType: 1 } });
    const answerParse = () =>
      bench.program.reply(bench.program.expectGet(), ({ parseReply }) => {
        parseReply.dataDirection = SCST_DATA_NONE;
        parseReply.opFlags = SCST_INFO_VALID;
        parseReply.queueType = SCST_CMD_QUEUE_SIMPLE;
      });
    // The one with the unit attention.
    answerParse();
    bench.core.observer.startLatency();
    initiator.send({ cdb: [0, 0, 0, 0, 0, 0] });
    bench.clock.advance(6);
    answerParse();
    bench.serve();
    expect(measured(bench)).toEqual({
      parse: [1, 6000],
      exec: [1, 0],
      transfer: [0, 0],
      total: [1, 6000],
    });
  });

  test("a command that is refused was never executed", () => {
    const [bench, initiator] = Bench.ready();
    bench.core.observer.startLatency();
    initiator.send({ cdb: [0xff, 0, 0, 0, 0, 0] });
    expect(measured(bench)).toEqual({
      parse: [0, 0],
      exec: [0, 0],
      transfer: [0, 0],
      total: [1, 0],
    });
  });
});

test("off: nothing is measured and no clock is read", () => {
  let reads = 0;
  const clock = { now: () => ++reads, after: () => ({ cancel: () => undefined }) };
  const core = createCore({ clock });
  const [bench, initiator] = Bench.ready({ core });
  reads = 0;
  initiator.send(READ);
  bench.serve();
  expect(reads).toBe(0);
  expect(bench.core.snapshot()).toMatchObject({ measuresLatency: false, traces: false });
  core.observer.startLatency();
  initiator.send(READ);
  bench.serve();
  expect(reads).toBeGreaterThan(0);
});

test("it can be switched while commands run", () => {
  const [bench, initiator] = Bench.ready();
  initiator.send(READ);
  bench.core.observer.startLatency();
  bench.serve();
  expect(bench.core.snapshot().devices[0]?.latency).toBeUndefined();
  initiator.send(READ);
  bench.core.observer.stopLatency();
  bench.serve();
  expect(bench.core.snapshot().devices[0]?.latency).toBeUndefined();
  bench.core.observer.startLatency();
  initiator.send(READ);
  bench.serve();
  bench.core.observer.stopLatency();
  initiator.send(READ);
  bench.serve();
  expect(measured(bench)["total"]).toEqual([1, 0]);
  bench.core.observer.startLatency();
  expect(bench.core.snapshot().devices[0]?.latency).toBeUndefined();
});
