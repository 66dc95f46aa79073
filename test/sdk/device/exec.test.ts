import { describe, expect, test } from "vitest";
import { SystemError } from "../../../src/protocol/errors.ts";
import { SENSE, STATUS } from "../../../src/protocol/scsi/index.ts";
import {
  SCST_DATA_BIDI,
  SCST_DATA_READ,
  SCST_DATA_WRITE,
} from "../../../src/protocol/scst/index.ts";
import {
  busy,
  checkCondition,
  conditionMet,
  good,
  type Outcome,
  reservationConflict,
  type ScsiCommand,
  taskSetFull,
} from "../../../src/sdk/index.ts";
import { senseText } from "../../support/bench.ts";
import { read10, synchronizeCache10, write10 } from "../../support/cdbs.ts";
import { handlerOf, readyDevice } from "../../support/device.ts";
import { toHex } from "../../support/hex.ts";

const READ = { cdb: read10(3, 2), dataInLength: 1024 };
/** An opcode that the core does not know. */
const VENDOR = 0xff;
const FLUSH = { cdb: synchronizeCache10() };

/** What the initiator gets for one command to a handler with this `exec`. */
async function execute(
  exec: (command: ScsiCommand) => unknown,
  request: { cdb: readonly number[]; dataInLength?: number; dataOut?: Uint8Array } = FLUSH,
) {
  const only = request.cdb[0];
  const { initiator, reports } = await readyDevice(
    handlerOf({ exec: (command) => (command.cdb[0] === only ? exec(command) : good) as Outcome }),
  );
  const response = await initiator.execute(request);
  return { ...response, sense: senseText(response.sense), reports };
}

describe.each([
  ["at once", (outcome: unknown) => outcome],
  ["later", (outcome: unknown) => Promise.resolve(outcome)],
])("an outcome given %s", (_when, give) => {
  test.each([
    ["good", good, STATUS.GOOD, ""],
    ["conditionMet", conditionMet, STATUS.CONDITION_MET, ""],
    ["busy", busy, STATUS.BUSY, ""],
    ["taskSetFull", taskSetFull, STATUS.TASK_SET_FULL, ""],
    ["reservationConflict", reservationConflict, STATUS.RESERVATION_CONFLICT, ""],
    ["checkCondition", checkCondition(SENSE.LBA_OUT_OF_RANGE), STATUS.CHECK_CONDITION, "5/21/00"],
  ])("%s", async (_name, outcome, status, sense) => {
    expect(await execute(() => give(outcome))).toMatchObject({ status, sense, reports: [] });
  });
});

describe("what is thrown becomes sense", () => {
  const system = (code: string) => new SystemError(code, 1, code);
  const HARDWARE_ERROR = { status: STATUS.CHECK_CONDITION, sense: "4/44/00" };

  const thrown: readonly [string, unknown, object][] = [
    ["ENOSPC", system("ENOSPC"), { status: 2, sense: "7/27/07" }],
    ["EROFS", system("EROFS"), { status: 2, sense: "7/27/00" }],
    ["EIO", system("EIO"), { status: 2, sense: "3/11/00" }],
    ["EAGAIN", system("EAGAIN"), { status: STATUS.BUSY, sense: "" }],
    ["ENOMEM", system("ENOMEM"), { status: STATUS.TASK_SET_FULL, sense: "" }],
    ["another errno", system("EXDEV"), HARDWARE_ERROR],
    ["an Error", new Error("oops"), HARDWARE_ERROR],
    ["a string", "oops", HARDWARE_ERROR],
    ["nothing", undefined, HARDWARE_ERROR],
    ["null", null, HARDWARE_ERROR],
    ["an object with a code", { code: "ENOSPC" }, HARDWARE_ERROR],
  ];

  test.each(thrown)("%s, at once", async (_title, error, expected) => {
    const response = await execute(() => {
      throw error;
    });
    expect(response).toMatchObject(expected);
    expect(response.reports).toMatchObject([{ code: "HANDLER", cause: error }]);
  });

  test.each(thrown)("%s, later", async (_title, error, expected) => {
    // oxlint-disable-next-line prefer-promise-reject-errors -- a handler may reject with anything
    const response = await execute(() => Promise.reject(error));
    expect(response).toMatchObject(expected);
    expect(response.reports).toMatchObject([{ code: "HANDLER", cause: error }]);
  });
});

describe("what is no outcome is a failure of the handler", () => {
  test.each([
    ["nothing", undefined],
    ["null", null],
    ["a number", 0],
    ["a string", "good"],
    ["an object without a status", {}],
    ["an object without anything", Object.create(null)],
    ["a status that is no number", { status: "GOOD" }],
  ])("%s", async (_title, garbage) => {
    for (const give of [() => garbage, () => Promise.resolve(garbage)]) {
      const response = await execute(give);
      expect(response).toMatchObject({ status: STATUS.CHECK_CONDITION, sense: "4/44/00" });
      expect(response.reports).toMatchObject([{ code: "HANDLER" }]);
    }
  });

  test("sense that is none: CHECK CONDITION all the same", async () => {
    const response = await execute(() => ({ status: 2, sense: "garbage" }));
    expect(response.status).toBe(STATUS.CHECK_CONDITION);
  });
});

describe("the command", () => {
  test("says what the core read in the CDB", async () => {
    const seen: unknown[] = [];
    await execute(({ lba, dataLength, bufferLength, dataDirection, cdbLength, session, cdb }) => {
      const { initiatorName, targetName, lun, readOnly } = session;
      seen.push({ lba, dataLength, bufferLength, dataDirection, cdbLength });
      seen.push({ initiatorName, targetName, lun, readOnly, opcode: cdb[0] });
      return good;
    }, READ);
    expect(seen).toEqual([
      {
        lba: 3,
        dataLength: 1024,
        bufferLength: 1024,
        dataDirection: SCST_DATA_READ,
        cdbLength: 10,
      },
      { initiatorName: "initiator", targetName: "target", lun: 0, readOnly: false, opcode: 0x28 },
    ]);
  });

  test("has the data-out in its buffer", async () => {
    const dataOut = Uint8Array.from({ length: 1024 }, (_, i) => i & 0xff);
    let seen: [number, string] | undefined;
    await execute(
      ({ buffer, dataDirection }) => {
        seen = [dataDirection, toHex(buffer)];
        return good;
      },
      { cdb: write10(0, 2), dataOut },
    );
    expect(seen).toEqual([SCST_DATA_WRITE, toHex(dataOut)]);
  });

  test("has no buffer where there are no data", async () => {
    let length = -1;
    await execute(({ buffer }) => {
      length = buffer.length;
      return good;
    });
    expect(length).toBe(0);
  });
});

describe("data-in", () => {
  test("the whole buffer, where the handler does not say how much", async () => {
    const response = await execute(({ buffer }) => {
      buffer.fill(7);
      return good;
    }, READ);
    expect(response.dataIn).toEqual(new Uint8Array(1024).fill(7));
    expect(response.residual).toBe(0);
  });

  test("as much as responseLength says", async () => {
    const response = await execute((command) => {
      command.buffer.fill(7);
      command.responseLength = 10;
      return good;
    }, READ);
    expect(response.dataIn).toEqual(new Uint8Array(10).fill(7));
    expect(response.residual).toBe(1014);
  });

  test.each([
    ["shorter than the buffer", 3, 3],
    ["as long", 1024, 1024],
    ["longer: cut", 2000, 1024],
    ["nothing", 0, 0],
  ])("reply() with data %s", async (_title, length, received) => {
    const data = new Uint8Array(length).fill(9);
    const response = await execute((command) => command.reply(data), READ);
    expect(response.status).toBe(STATUS.GOOD);
    expect(response.dataIn).toEqual(new Uint8Array(received).fill(9));
  });

  test.each([-1, 1025, 1.5, Number.NaN])("a responseLength of %d is refused", async (length) => {
    let error: unknown;
    const response = await execute((command) => {
      try {
        command.responseLength = length;
      } catch (caught) {
        error = caught;
      }
      return command.reply(Uint8Array.of(1));
    }, READ);
    expect(error).toMatchObject({ name: "UsageError", code: "RESPONSE_LENGTH" });
    expect(response.dataIn).toEqual(Uint8Array.of(1));
  });

  test("none, where the outcome is not good", async () => {
    const response = await execute(() => checkCondition(SENSE.MEDIUM_NOT_PRESENT), READ);
    expect([response.dataIn.length, response.residual]).toEqual([0, 1024]);
  });

  test("what responseLength says, with sense: a tape block of another length", async () => {
    const { dataIn, status, sense, residual } = await execute((command) => {
      command.buffer.fill(7);
      command.responseLength = 100;
      return checkCondition(SENSE.FILEMARK_DETECTED);
    }, READ);
    expect({ status, sense, residual }).toEqual({ status: 2, sense: "0/00/01", residual: 924 });
    expect(dataIn).toEqual(new Uint8Array(100).fill(7));
  });

  test("none, where the handler threw after it had said how much", async () => {
    const { dataIn, status } = await execute((command) => {
      command.responseLength = 100;
      throw new SystemError("EIO", 5, "no");
    }, READ);
    expect({ status, length: dataIn.length }).toEqual({ status: 2, length: 0 });
  });

  test("what the initiator has got stays as it is when the buffer serves another", async () => {
    let fill = 0;
    const { initiator } = await readyDevice(
      handlerOf({
        exec: ({ buffer }) => {
          buffer.fill(++fill);
          return good;
        },
      }),
    );
    const first = await initiator.execute(READ);
    const before = first.dataIn[0];
    await initiator.execute(READ);
    expect(first.dataIn[0]).toBe(before);
  });
});

test("D_SENSE: the handler's sense is in descriptor format", async () => {
  const { initiator } = await readyDevice(
    handlerOf({
      options: { descriptorSense: true },
      exec: () => checkCondition(SENSE.LBA_OUT_OF_RANGE),
    }),
  );
  const { sense } = await initiator.execute(FLUSH);
  expect(toHex(sense)).toBe("7205210000000000");
});

test("statistics count commands and bytes", async () => {
  const { initiator, device } = await readyDevice(handlerOf());
  const { commands } = device.statistics;
  await initiator.execute(READ);
  await initiator.execute({ cdb: write10(0, 4), dataOut: new Uint8Array(2048) });
  await initiator.execute(FLUSH);
  expect(device.statistics).toEqual({
    commands: commands + 3,
    readBytes: 1024,
    writtenBytes: 2048,
  });
});

test.each([100, 512, 5000])("the data-out of a bidirectional command, %i bytes", async (length) => {
  let got = "";
  const { initiator } = await readyDevice(
    handlerOf({
      options: { parse: "exception" },
      parse(command) {
        command.dataDirection = SCST_DATA_BIDI;
        command.bufferLength = 512;
        command.outBufferLength = length;
        return good;
      },
      exec(command) {
        if (command.cdb[0] === VENDOR) got = toHex(command.outBuffer);
        return good;
      },
    }),
  );
  const dataOut = Uint8Array.from({ length }, (_, i) => i);
  const cdb = [VENDOR, 0, 0, 0, 0, 0];
  const { status } = await initiator.execute({ cdb, dataOut, dataInLength: 512 });
  expect([status, got]).toEqual([STATUS.GOOD, toHex(dataOut)]);
});
