/** REPORT SUPPORTED OPERATION CODES for a handler with a table of its own. */
import { describe, expect, test } from "vitest";

import {
  commandsOf,
  DEVICE_TYPE,
  ReportSupportedOperationCodes,
} from "../../../src/protocol/scsi/index.ts";
import {
  coreCommandsOf,
  type ReportedCommand,
  reportSupportedOperationCodes,
  withCoreCommands,
} from "../../../src/sdk/index.ts";
import { senseText } from "../../support/bench.ts";
import { handlerOf, readyDevice } from "../../support/device.ts";
import { toHex } from "../../support/hex.ts";

const TYPE = DEVICE_TYPE.CHANGER;

function row(name: string, usage?: Uint8Array): ReportedCommand {
  const command = commandsOf(TYPE).find((each) => each.name === name)!;
  return usage === undefined ? { command } : { command, rule: { usage } };
}

/** TEST UNIT READY, INQUIRY without CMDDT and CONTROL, and this command. */
const OWN = [
  row("TEST UNIT READY"),
  row("INQUIRY", Uint8Array.of(0x12, 1, 0xff, 0xff, 0xff, 0)),
  row("REPORT SUPPORTED OPERATION CODES"),
];

async function ask(rows: readonly ReportedCommand[], options: Partial<Asked>) {
  const { reporting = 0, opcode = 0, action = 0, timeouts = false, room = 4096 } = options;
  const { initiator } = await readyDevice(
    handlerOf({
      type: TYPE,
      blockSize: 0,
      exec: (command) =>
        command.cdb[0] === 0xa3 ? reportSupportedOperationCodes(command, rows) : { status: 0 },
    }),
  );
  const cdb = ReportSupportedOperationCodes.encode({
    operationCode: 0xa3,
    serviceAction: 0x0c,
    rctd: timeouts,
    reportingOptions: reporting,
    requestedOperationCode: opcode,
    requestedServiceAction: action,
    allocationLength: room,
  });
  const { dataIn, sense } = await initiator.execute({ cdb, dataInLength: room });
  return sense.length > 0 ? senseText(sense) : toHex(dataIn);
}

interface Asked {
  readonly reporting: number;
  readonly opcode: number;
  readonly action: number;
  readonly timeouts: boolean;
  readonly room: number;
}

/** TEST UNIT READY 6 bytes; INQUIRY 6; A3h/0Ch with SERVACTV 12. */
const ALL = "0000001800000000000000061200000000000006a300000c0001000c";
/** Three seconds, as SCST has it for changers. */
const TIMEOUT = { SMALL: "000a00000000000000000003" };

describe("all commands", () => {
  test("of a handler", async () => {
    expect(await ask(OWN, {})).toBe(ALL);
  });

  test("cut", async () => {
    expect(await ask(OWN, { room: 13 })).toBe(ALL.slice(0, 26));
  });

  test("with timeouts: each descriptor has one behind it", async () => {
    const data = await ask(OWN, { timeouts: true });
    expect(data.slice(0, 8)).toBe("0000003c");
    // CTDP, and the descriptor.
    expect(data.slice(8, 24)).toBe("0000000000020006");
    expect(data.slice(24, 48)).toBe(TIMEOUT.SMALL);
    expect(data).toHaveLength(2 * (4 + 3 * (8 + 12)));
  });

  test("with those of the core, in order", async () => {
    const rows = withCoreCommands(TYPE, [...OWN].reverse());
    const keys = rows.map(({ command }) => command.opcode * 2 ** 16 + (command.serviceAction ?? 0));
    expect(keys).toEqual([...keys].sort((a, b) => a - b));
    expect(rows).toHaveLength(OWN.length + coreCommandsOf(TYPE).length);
    const data = await ask(rows, {});
    // PERSISTENT RESERVE IN, READ KEYS; REPORT LUNS; REPORT TARGET PORT GROUPS.
    expect(data).toContain("5e0000000001000a");
    expect(data).toContain("a00000000000000c");
    expect(data).toContain("a300000a0001000c");
  });

  test("a command that the handler has is its own, whatever the core does", () => {
    const own = row("REPORT LUNS", new Uint8Array(12));
    const rows = withCoreCommands(TYPE, [own]);
    expect(rows.filter(({ command }) => command.name === "REPORT LUNS")).toEqual([own]);
  });
});

describe("one command", () => {
  const rows: readonly [string, Partial<Asked>, string][] = [
    [
      "by its opcode, with its own usage data",
      { reporting: 1, opcode: 0x12 },
      "000300061201ffffff00",
    ],
    ["by its opcode, with the standard's", { reporting: 1, opcode: 0 }, "00030006000000000004"],
    ["that is not there", { reporting: 1, opcode: 0x08 }, "00010000"],
    ["with service actions, by its opcode alone", { reporting: 1, opcode: 0xa3 }, "5/24/00"],
    [
      "by its service action",
      { reporting: 2, opcode: 0xa3, action: 0x0c },
      "0003000ca30c87ffffffffffffff0004",
    ],
    [
      "by a service action that is not there",
      { reporting: 2, opcode: 0xa3, action: 5 },
      "00010000",
    ],
    ["without service actions, by one", { reporting: 2, opcode: 0x12, action: 0 }, "5/24/00"],
    ["that is not there, by a service action", { reporting: 2, opcode: 0x08 }, "00010000"],
    ["either way, with a service action", { reporting: 3, opcode: 0xa3, action: 5 }, "00010000"],
    ["either way, without", { reporting: 3, opcode: 0x12 }, "000300061201ffffff00"],
    [
      "either way, without, but asked for one",
      { reporting: 3, opcode: 0x12, action: 1 },
      "00010000",
    ],
    ["in a way that there is not", { reporting: 4, opcode: 0x12 }, "5/24/00"],
  ];

  test.each(rows)("%s", async (_what, asked, expected) => {
    expect(await ask(OWN, asked)).toBe(expected);
  });

  test("with timeouts", async () => {
    const asked = { reporting: 1, opcode: 0, timeouts: true };
    expect(await ask(OWN, asked)).toBe(`00830006000000000004${TIMEOUT.SMALL}`);
  });
});
