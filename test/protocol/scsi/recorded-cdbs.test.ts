import { describe, expect, test } from "vitest";
import {
  DEVICE_TYPE,
  findCommand,
  parsedCommand,
  standardCdbLength,
} from "../../../src/protocol/scsi/index.ts";
import { SCST_DATA_UNKNOWN, SCST_INFO_VALID } from "../../../src/protocol/scst/index.ts";
import { handedOut, toHex } from "./traces.ts";

/** Not in any table: SCST takes direction and length from the initiator. */
const UNKNOWN_TO_SCST = 0xff;

describe("what the real SCST made of its initiator's CDBs", () => {
  const executed = handedOut("EXEC");

  test("there are recordings", () => {
    expect(executed.length).toBeGreaterThan(600);
  });

  test("every EXEC of a known opcode is parsed as SCST parsed it", () => {
    const parsed = parsedCommand();
    const differences = executed.flatMap(
      ({ trace, blockSize, message: { execCmd } }): unknown[] => {
        const cdb = execCmd.cdb;
        const command = findCommand(cdb, DEVICE_TYPE.DISK);
        if (command === undefined) return cdb[0] === UNKNOWN_TO_SCST ? [] : [toHex(cdb)];
        const refusal = command.parse(cdb, blockSize, parsed);
        const ours = {
          lba: parsed.lba,
          dataLen: parsed.dataLength,
          bufflen: parsed.bufferLength,
          outBufflen: parsed.outBufferLength,
          dataDirection: parsed.dataDirection,
          cdbLen: parsed.cdbLength,
          timeout: parsed.timeoutSeconds,
        };
        const theirs = {
          lba: execCmd.lba,
          dataLen: execCmd.dataLen,
          bufflen: execCmd.bufflen,
          outBufflen: execCmd.outBufflen,
          dataDirection: execCmd.dataDirection,
          cdbLen: execCmd.cdbLen,
          timeout: execCmd.timeout,
        };
        if (refusal === undefined && JSON.stringify(ours) === JSON.stringify(theirs)) return [];
        return [{ trace, command: command.name, refusal: refusal?.name, ours, theirs }];
      },
    );
    expect(differences).toEqual([]);
  });

  test("only FFh has no row", () => {
    const without = executed
      .map(({ message }) => message.execCmd.cdb)
      .filter((cdb) => findCommand(cdb, DEVICE_TYPE.DISK) === undefined)
      .map((cdb) => cdb[0]);
    expect(new Set(without)).toEqual(new Set([UNKNOWN_TO_SCST]));
    expect(standardCdbLength(UNKNOWN_TO_SCST)).toBe(0);
  });

  test("a PARSE asks about what has no row, and says that nothing is known", () => {
    const asked = handedOut("PARSE").map(({ message: { parseCmd } }) => ({
      row: findCommand(parseCmd.cdb, DEVICE_TYPE.DISK)?.name,
      direction: parseCmd.dataDirection,
      infoValid: (parseCmd.opFlags & SCST_INFO_VALID) !== 0,
    }));
    expect(asked.length).toBeGreaterThan(0);
    for (const question of asked) {
      expect(question).toEqual({
        row: undefined,
        direction: SCST_DATA_UNKNOWN,
        infoValid: false,
      });
    }
  });

  test("ALLOC_MEM asks for the buffer that the parse has found", () => {
    const parsed = parsedCommand();
    for (const { blockSize, message } of handedOut("ALLOC_MEM")) {
      const { cdb, cdbLen, allocLen, dataDirection } = message.allocCmd;
      const command = findCommand(cdb, DEVICE_TYPE.DISK);
      expect(command?.parse(cdb, blockSize, parsed)).toBeUndefined();
      expect({ cdbLen: parsed.cdbLength, dataDirection: parsed.dataDirection }).toEqual({
        cdbLen,
        dataDirection,
      });
      // SCST rounds up to what its buffer cache keeps.
      expect(allocLen).toBeGreaterThanOrEqual(parsed.bufferLength);
    }
  });
});
