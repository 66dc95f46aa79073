import { describe, expect, test } from "vitest";
import { SENSE, STATUS } from "../../../src/protocol/scsi/index.ts";
import {
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_UNKNOWN,
  SCST_LBA_NOT_VALID,
} from "../../../src/protocol/scst/index.ts";
import {
  busy,
  checkCondition,
  type DeviceHandler,
  good,
  type MaybePromise,
  type Outcome,
  type ParseCommand,
  taskSetFull,
} from "../../../src/sdk/index.ts";
import { senseText } from "../../support/bench.ts";
import { read10, variableLength } from "../../support/cdbs.ts";
import { handlerOf, readyDevice } from "../../support/device.ts";
import { toHex } from "../../support/hex.ts";

const VENDOR = { cdb: [0xff, 1, 2, 3, 4, 5], dataInLength: 64 };
const READ = { cdb: read10(7, 1), dataInLength: 512 };

type Parse = (command: ParseCommand) => MaybePromise<Outcome>;

async function device(mode: "standard" | "call" | "exception", parse?: Parse, parts = {}) {
  const handler: DeviceHandler = handlerOf({
    options: { parse: mode },
    ...(parse === undefined ? {} : { parse }),
    ...parts,
  });
  return readyDevice(handler);
}

describe("who is asked", () => {
  test.each([
    ["standard", READ, false, ""],
    ["standard", VENDOR, false, "5/20/00"],
    ["exception", READ, false, ""],
    ["exception", VENDOR, true, ""],
    ["call", READ, true, ""],
    ["call", VENDOR, true, ""],
  ] as const)("%s, opcode of %o: the handler %s", async (mode, request, asked, sense) => {
    let calls = 0;
    const parse = (command: ParseCommand) => {
      if (command.cdb[0] !== request.cdb[0]) return good;
      calls++;
      command.dataDirection = SCST_DATA_READ;
      command.bufferLength = request.dataInLength;
      return good;
    };
    const { initiator } = await device(mode, parse);
    const response = await initiator.execute(request);
    expect([calls > 0, senseText(response.sense)]).toEqual([asked, sense]);
  });
});

describe("what it is told", () => {
  test("the core's reading of an opcode that the core knows", async () => {
    let seen: unknown;
    const { initiator } = await device("call", (command) => {
      const { cdb, lba, dataLength, bufferLength, dataDirection, expected, session } = command;
      if (cdb[0] === 0x28) {
        seen = { lba, dataLength, bufferLength, dataDirection, expected, lun: session.lun };
      }
      return good;
    });
    await initiator.execute(READ);
    expect(seen).toEqual({
      lba: 7,
      dataLength: 512,
      bufferLength: 512,
      dataDirection: SCST_DATA_READ,
      expected: { direction: SCST_DATA_READ, length: 512, outLength: 0 },
      lun: 0,
    });
  });

  test("of another one, that nothing is known", async () => {
    let seen: unknown;
    const { initiator } = await device("exception", (command) => {
      const { dataDirection, bufferLength, opFlags, cdbLength, expected } = command;
      seen = { dataDirection, bufferLength, opFlags, cdbLength, expected };
      return busy;
    });
    await initiator.execute(VENDOR);
    expect(seen).toEqual({
      dataDirection: SCST_DATA_UNKNOWN,
      bufferLength: 0,
      opFlags: SCST_LBA_NOT_VALID,
      cdbLength: 6,
      expected: { direction: SCST_DATA_READ, length: 64, outLength: 0 },
    });
  });

  test("the CDB stays the command's when parse takes its time", async () => {
    const seen: string[] = [];
    const { initiator } = await device("exception", async (command) => {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(toHex(command.cdb.subarray(0, 6)));
      return busy;
    });
    await Promise.all([1, 2, 3].map((i) => initiator.execute({ cdb: [0xff, 0, 0, 0, 0, i] })));
    expect(seen).toEqual(["ff0000000001", "ff0000000002", "ff0000000003"]);
  });
});

describe("what it says", () => {
  test("is what exec gets", async () => {
    let seen: unknown;
    const { initiator } = await device(
      "exception",
      (command) => {
        command.dataDirection = SCST_DATA_READ;
        command.bufferLength = 40;
        command.dataLength = 40;
        command.lba = 11;
        return good;
      },
      {
        exec: ({ cdb, lba, bufferLength, dataLength, dataDirection }: never) => {
          if (cdb[0] === 0xff) seen = { lba, bufferLength, dataLength, dataDirection };
          return good;
        },
      },
    );
    const response = await initiator.execute(VENDOR);
    expect(seen).toEqual({ lba: 11, bufferLength: 40, dataLength: 40, dataDirection: 2 });
    expect([response.status, response.dataIn.length, response.residual]).toEqual([0, 40, 24]);
  });

  const outcomes: readonly [string, Parse, object][] = [
    ["checkCondition", () => checkCondition(SENSE.INVALID_FIELD_IN_CDB), { sense: "5/24/00" }],
    ["busy", () => busy, { status: STATUS.BUSY }],
    ["taskSetFull", () => taskSetFull, { status: STATUS.TASK_SET_FULL }],
    ["busy, later", () => Promise.resolve(busy), { status: STATUS.BUSY }],
    [
      "an error",
      () => {
        throw new Error("no");
      },
      { sense: "4/44/00" },
    ],
    ["an error, later", () => Promise.reject(new Error("no")), { sense: "4/44/00" }],
    ["nothing", (() => undefined) as unknown as Parse, { sense: "4/44/00" }],
    ["nothing, later", (() => Promise.resolve()) as unknown as Parse, { sense: "4/44/00" }],
  ];

  test.each(outcomes)("%s", async (_title, parse, expected) => {
    const { initiator } = await device("exception", parse);
    const response = await initiator.execute(VENDOR);
    expect({ status: response.status, sense: senseText(response.sense) }).toMatchObject(expected);
  });

  test("nonsense: HARDWARE ERROR, and the core's errno is reported", async () => {
    const { initiator, reports } = await device("exception", (command) => {
      command.dataDirection = SCST_DATA_READ;
      command.bufferLength = -1;
      return good;
    });
    const response = await initiator.execute(VENDOR);
    expect(senseText(response.sense)).toBe("4/44/00");
    expect(reports).toMatchObject([{ code: "REPLY_REJECTED" }]);
  });
});

describe("long CDBs", () => {
  const CDB = variableLength(260, 0xfffe);

  test("arrive whole", async () => {
    let seen = "";
    const { initiator } = await device(
      "call",
      (command) => {
        command.dataDirection = SCST_DATA_NONE;
        return good;
      },
      {
        exec: ({ cdb, cdbLength }: { cdb: Uint8Array; cdbLength: number }) => {
          if (cdbLength > 16) seen = toHex(cdb.subarray(0, cdbLength));
          return good;
        },
      },
    );
    await initiator.execute({ cdb: CDB });
    expect(seen).toBe(toHex(Uint8Array.from(CDB)));
  });

  test("a short one after it is short again", async () => {
    const lengths: [number, number][] = [];
    const { initiator } = await device(
      "call",
      (command) => {
        command.dataDirection = SCST_DATA_NONE;
        return good;
      },
      {
        exec: ({ cdb, cdbLength }: { cdb: Uint8Array; cdbLength: number }) => {
          lengths.push([cdbLength, cdb[0] as number]);
          return good;
        },
      },
    );
    lengths.length = 0;
    await initiator.execute({ cdb: CDB });
    await initiator.execute({ cdb: [0, 0, 0, 0, 0, 0] });
    expect(lengths).toEqual([
      [260, 0x7f],
      [6, 0],
    ]);
  });
});
