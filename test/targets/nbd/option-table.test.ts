import { describe, expect, test } from "vitest";
import { optionName } from "../../../src/protocol/nbd/index.ts";
import {
  HANDSHAKE_STATES,
  HANDSHAKE_TRANSITIONS,
  OPTION_TABLE,
  optionRow,
  OPTIONS,
  TLS_SITUATIONS,
} from "../../../src/targets/nbd/option-table.ts";

// proto.md, "TLS support": a row is an option, a column what encryption there is or has to be.
const EXPECTED = `
                           off           allowed       required      secured
NBD_OPT_EXPORT_NAME        serve         serve         end           serve
NBD_OPT_ABORT              serve         serve         serve         serve
NBD_OPT_LIST               serve         serve         tls required  serve
NBD_OPT_START_TLS          policy        serve         serve         invalid
NBD_OPT_INFO               serve         serve         tls required  serve
NBD_OPT_GO                 serve         serve         tls required  serve
NBD_OPT_STRUCTURED_REPLY   serve         serve         tls required  serve
NBD_OPT_LIST_META_CONTEXT  serve         serve         tls required  serve
NBD_OPT_SET_META_CONTEXT   serve         serve         tls required  serve
NBD_OPT_EXTENDED_HEADERS   serve         serve         tls required  serve
unknown                    unsup         unsup         tls required  unsup
`;

describe("options", () => {
  test("cell by cell", () => {
    const line = (head: string, cells: readonly string[]) =>
      (head.padEnd(27) + cells.map((cell) => cell.padEnd(14)).join("")).trimEnd();
    const lines = OPTIONS.map((option) =>
      line(
        option === "unknown" ? option : optionName(option),
        TLS_SITUATIONS.map((situation) => OPTION_TABLE[option][situation]),
      ),
    );
    expect(`\n${[line("", TLS_SITUATIONS), ...lines].join("\n")}\n`).toBe(EXPECTED);
  });

  test.each([0, 4, 12, 0xffff_ffff])("option %i is unknown", (option) => {
    expect(optionRow(option)).toBe(OPTION_TABLE.unknown);
  });
});

describe("states", () => {
  test("what may follow", () => {
    expect(HANDSHAKE_TRANSITIONS).toEqual({
      greeted: ["options", "over"],
      options: ["answering", "securing", "over"],
      answering: ["options", "transmission", "over"],
      securing: ["options", "over"],
      transmission: [],
      over: [],
    });
  });

  test("every state but the first is somebody's next", () => {
    const followers = new Set<string>(Object.values(HANDSHAKE_TRANSITIONS).flat());
    expect(HANDSHAKE_STATES.filter((state) => !followers.has(state))).toEqual(["greeted"]);
  });
});
