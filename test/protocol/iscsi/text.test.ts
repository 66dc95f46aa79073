import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import {
  decodeText,
  encodeText,
  formatValue,
  parseBoolean,
  parseNumber,
} from "../../../src/protocol/iscsi/index.ts";

const LIMITS = { keyCountMax: 10 };

function codeOf(text: string | Uint8Array): string | undefined {
  try {
    decodeText(typeof text === "string" ? Buffer.from(text, "latin1") : text, LIMITS);
    return undefined;
  } catch (error) {
    return (error as ProtocolError).code;
  }
}

describe("text", () => {
  test("pairs and their bytes", () => {
    const pairs = [
      ["InitiatorName", "iqn.2026-01.org.example:ü"],
      ["X-empty", ""],
      ["X#a", "b=c"],
    ] as const;
    const bytes = encodeText(pairs);
    expect(Buffer.from(bytes).toString()).toBe(
      "InitiatorName=iqn.2026-01.org.example:ü\0X-empty=\0X#a=b=c\0",
    );
    expect(decodeText(bytes, LIMITS)).toEqual(pairs);
  });

  test("padding between pairs is skipped", () => {
    expect(decodeText(Buffer.from("\0A=1\0\0\0B=2\0\0"), LIMITS)).toEqual([
      ["A", "1"],
      ["B", "2"],
    ]);
  });

  test.each([
    ["A=1", "ISCSI_TEXT_UNFINISHED"],
    ["A\0", "ISCSI_TEXT_NO_VALUE"],
    ["A\0B=1\0", "ISCSI_TEXT_NO_VALUE"],
    ["=1\0", "ISCSI_TEXT_KEY"],
    ["1=1\0", "ISCSI_TEXT_KEY"],
    ["A b=1\0", "ISCSI_TEXT_KEY"],
    [`${"A".repeat(64)}=1\0`, "ISCSI_TEXT_KEY"],
    ["A=\xff\xfe\0", "ISCSI_TEXT_UTF8"],
    [`A=${"x".repeat(8193)}\0`, "ISCSI_TEXT_VALUE"],
    ["A=1\0".repeat(11), "ISCSI_TEXT_KEYS"],
  ])("%j breaks a rule: %s", (text, code) => {
    expect(codeOf(text)).toBe(code);
  });

  test("random bytes throw nothing but ProtocolError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeText(bytes, LIMITS);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });

  test("iSCSIProtocolLevel is a key although it begins with a small letter", () => {
    expect(decodeText(Buffer.from("iSCSIProtocolLevel=1\0"), LIMITS)).toHaveLength(1);
  });
});

describe("values", () => {
  test.each([
    ["0", 0],
    ["4096", 4096],
    ["0x1f", 31],
    ["0XFF", 255],
    ["007", undefined],
    ["-1", undefined],
    ["1.5", undefined],
    ["1e3", undefined],
    ["0x", undefined],
    ["", undefined],
    [" 1", undefined],
  ])("the number %j is %s", (text, expected) => {
    expect(parseNumber(text)).toBe(expected);
  });

  test("booleans are Yes and No", () => {
    expect(["Yes", "No", "yes", "", "1"].map(parseBoolean)).toEqual([
      true,
      false,
      undefined,
      undefined,
      undefined,
    ]);
    expect([true, false, 7, "x"].map(formatValue)).toEqual(["Yes", "No", "7", "x"]);
  });
});
