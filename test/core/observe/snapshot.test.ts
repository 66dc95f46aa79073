/** The core as plain data, and as Prometheus reads it. */
import { describe, expect, test } from "vitest";
import { prometheusText } from "../../../src/core/index.ts";
import { Bench } from "../../support/bench.ts";
import { read10 } from "../../support/cdbs.ts";

/** Two groups, a session, and a read that the handler has not answered. */
function busyBench(): Bench {
  const [bench, initiator] = Bench.ready();
  const group = bench.target.addGroup("backup");
  group.addInitiator("backup*");
  group.addLun(5, "disk", { readOnly: true });
  for (const dataInLength of [4096, 4096]) {
    initiator.send({ cdb: read10(0, 8), dataInLength });
    bench.serve();
  }
  initiator.send({ cdb: read10(0, 8), dataInLength: 4096 });
  return bench;
}

const ZEROS = {
  unaligned: { read: 0, write: 0, bidi: 0 },
  bytesIn: 8192,
  bytesOut: 0,
  busy: 0,
  taskSetFull: 0,
  reservationConflict: 0,
  taskAborted: 0,
  aborted: 0,
  otherStatus: 0,
};
const COUNTERS = {
  ...ZEROS,
  commands: { total: 3, read: 2, write: 0, bidi: 0, none: 1, unknown: 0 },
  checkConditions: { UNIT_ATTENTION: 1 },
};

describe("snapshot", () => {
  test("has all there is", () => {
    const { targets, devices, ...rest } = busyBench().core.snapshot();
    expect(targets).toEqual([
      {
        name: "target",
        driver: "test",
        relativeTargetPortIdentifier: 1,
        addressMethod: "peripheral",
        groups: [
          { name: "default", initiators: [], luns: [{ lun: 0, device: "disk", readOnly: false }] },
          {
            name: "backup",
            initiators: ["backup*"],
            luns: [{ lun: 5, device: "disk", readOnly: true }],
          },
        ],
        sessions: [
          {
            name: "initiator",
            initiatorName: "initiator",
            group: "default",
            attached: true,
            activeCommands: 1,
            counters: COUNTERS,
          },
        ],
        counters: COUNTERS,
      },
    ]);
    expect(devices).toEqual([
      {
        name: "disk",
        handler: "user",
        type: 0,
        blockSize: 512,
        exported: [
          { target: "target", group: "default", lun: 0 },
          { target: "target", group: "backup", lun: 5 },
        ],
        nexuses: 1,
        activeCommands: 1,
        reserved: false,
        limits: {
          queueDepth: {
            current: 128,
            max: 128,
            adapts: false,
            worstMs: 0,
            raised: 0,
            halved: 0,
          },
          commandsMax: null,
          commandMemory: { used: 4096, max: 429_496_729 },
          suspended: 0,
        },
        attributes: expect.objectContaining({ memoryReuseType: 3, tst: 1, swp: 0 }) as unknown,
        counters: COUNTERS,
      },
    ]);
    expect(rest).toMatchObject({
      measuresLatency: false,
      traces: false,
      bufferPools: [
        { name: "disk", hits: 2, total: 3, cachedBytes: 4096, waitingBytes: 0, big: 0, other: 0 },
      ],
    });
  });

  test("is JSON, as it is", () => {
    const { core } = busyBench();
    core.observer.startLatency();
    const snapshot = core.snapshot();
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
  });

  test("shows a reservation", () => {
    const [bench, initiator] = Bench.ready();
    initiator.send({ cdb: [0x16, 0, 0, 0, 0, 0] });
    expect(bench.core.snapshot().devices[0]?.reserved).toBe(true);
  });

  test("shows target port groups", () => {
    const { core, target } = busyBench();
    const group = core.addDeviceGroup("pair");
    group.addDevice("disk");
    group.addTargetGroup("left", { groupId: 7, state: "standby" }).addTarget(target);
    expect(core.snapshot().deviceGroups).toEqual([
      {
        name: "pair",
        devices: ["disk"],
        targetGroups: [
          { name: "left", groupId: 7, state: "standby", preferred: false, targets: ["target"] },
        ],
      },
    ]);
  });

  test("of nothing", () => {
    const empty = new Bench().core.snapshot();
    expect(empty.devices).toEqual([]);
    expect(empty.bufferPools).toEqual([]);
  });
});

describe("for Prometheus", () => {
  /** Every line is a comment or a sample; one family's samples are together, behind its TYPE. */
  function parse(text: string): Map<string, number> {
    const samples = new Map<string, number>();
    let family = "";
    const seen = new Set<string>();
    for (const line of text.trimEnd().split("\n")) {
      const [, type] = /^# TYPE (\w+) (?:counter|gauge|histogram)$/.exec(line) ?? [];
      if (type !== undefined) {
        family = type;
        expect(seen).not.toContain(family);
        seen.add(family);
      }
      if (line.startsWith("#")) continue;
      const sample = /^(\w+)((?:\{(?:\w+="(?:[^"\\]|\\.)*",?)+\})?) (\S+)$/.exec(line);
      if (sample === null) expect.fail(`no sample: ${line}`);
      const [, name = "", labels = "", value] = sample;
      expect(name.slice(0, family.length)).toBe(family);
      expect([...samples.keys()]).not.toContain(name + labels);
      samples.set(name + labels, Number(value));
    }
    return samples;
  }

  test("counters, gauges and pools", () => {
    const samples = parse(prometheusText(busyBench().core.snapshot()));
    expect(Object.fromEntries(samples)).toMatchObject({
      'scst_target_commands_total{target="target",direction="read"}': 2,
      'scst_session_bytes_total{target="target",session="initiator",direction="in"}': 8192,
      'scst_session_active_commands{target="target",session="initiator"}': 1,
      'scst_device_check_conditions_total{device="disk",sense_key="UNIT_ATTENTION"}': 1,
      'scst_device_refused_total{device="disk",status="BUSY"}': 0,
      'scst_device_aborted_total{device="disk"}': 0,
      'scst_buffer_pool_hits_total{pool="disk"}': 2,
      'scst_buffer_pool_cached_bytes{pool="disk"}': 4096,
    });
  });

  test("latencies: buckets add up, and the last is the count", () => {
    const [bench, initiator] = Bench.ready();
    bench.core.observer.startLatency();
    for (const milliseconds of [0, 0.003, 1, 1000]) {
      initiator.send({ cdb: read10(0, 8), dataInLength: 4096 });
      bench.clock.advance(milliseconds);
      bench.serve();
    }
    const samples = parse(prometheusText(bench.core.snapshot()));
    const at = (end: string) =>
      samples.get(`scst_device_command_duration_seconds${end}`) ?? Number.NaN;
    const labels = 'device="disk",phase="exec"';
    expect(
      ["0.000001", "0.000004", "0.001024", "1.048576", "+Inf"].map((le) =>
        at(`_bucket{${labels},le="${le}"}`),
      ),
    ).toEqual([1, 2, 3, 4, 4]);
    expect(at(`_count{${labels}}`)).toBe(4);
    expect(at(`_sum{${labels}}`)).toBeCloseTo(1.001003);
  });

  test("whatever an initiator is called", () => {
    const bench = Bench.withDisk();
    bench.connect('a"b\\c\nd');
    const samples = parse(prometheusText(bench.core.snapshot()));
    const name = String.raw`a\"b\\c\nd`;
    expect(samples.get(`scst_session_active_commands{target="target",session="${name}"}`)).toBe(0);
  });
});
