import { describe, expect, test } from "vitest";
import { STATUS } from "../../src/protocol/scsi/index.ts";
import { Bench } from "../support/bench.ts";
import { read10, write10 } from "../support/cdbs.ts";

const WRITE = { cdb: write10(0, 1), dataOut: new Uint8Array(512) };
const READ = { cdb: read10(0, 1), dataInLength: 512 };

function protectedBy(how: "LUN" | "SWP"): Bench {
  const bench = Bench.withDisk({ opt: { swp: how === "SWP" ? 1 : 0 } });
  if (how === "LUN") {
    bench.target.removeLun(0);
    bench.target.addLun(0, "disk", { readOnly: true });
  }
  return bench;
}

describe.each([
  // SCST has no additional sense code for it.
  ["LUN", "7/00/00"],
  ["SWP", "7/27/02"],
] as const)("read-only by %s", (how, refusal) => {
  test.each([
    ["WRITE(10)", WRITE, refusal],
    ["READ(10)", READ, ""],
    ["TEST UNIT READY", { cdb: [0, 0, 0, 0, 0, 0] }, ""],
  ])("%s", (_name, request, sense) => {
    const bench = protectedBy(how);
    const initiator = bench.connect();
    initiator.testUnitReady();
    const sent = initiator.send(request);
    bench.serve();
    expect(sent.response).toMatchObject({
      sense,
      status: sense === "" ? STATUS.GOOD : STATUS.CHECK_CONDITION,
    });
  });
});

test("ATTACH_SESS says that the LUN is read-only", () => {
  const bench = protectedBy("LUN");
  bench.login();
  expect(bench.program.expectGet().sess.rdOnly).toBe(1);
});
