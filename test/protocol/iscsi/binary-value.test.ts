import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatBinary, parseBinary } from "../../../src/protocol/iscsi/index.ts";

describe("binary values in text", () => {
  test.each([
    ["0x00ff", [0, 255]],
    ["0X1aB2", [0x1a, 0xb2]],
    ["0bAQID", [1, 2, 3]],
    ["0BAQI=", [1, 2]],
    ["0bAQ==", [1]],
  ])("%s", (text, bytes) => {
    expect(Array.from(parseBinary(text, 4) ?? [])).toEqual(bytes);
  });

  test.each([
    "",
    "0x",
    "0b",
    "0x123",
    "0xgg",
    "12",
    "0bAQI",
    "0bA===",
    "0b====",
    "0bA Q=",
    "0xff ff",
  ])('"%s" is none', (text) => {
    expect(parseBinary(text, 64)).toBeUndefined();
  });

  test("the length is that of the bytes, not of the text", () => {
    const long = `0x${"ab".repeat(1024)}`;
    expect(parseBinary(long, 1024)).toHaveLength(1024);
    expect(parseBinary(long, 1023)).toBeUndefined();
    const base64 = `0b${Buffer.alloc(1024, 7).toString("base64")}`;
    expect(parseBinary(base64, 1024)).toHaveLength(1024);
    expect(parseBinary(base64, 1023)).toBeUndefined();
    expect(parseBinary(`0x${"0".repeat(1_000_000)}`, 1024)).toBeUndefined();
  });

  test("both spellings of any bytes are read back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), (bytes) => {
        expect(parseBinary(formatBinary(bytes), 100)).toEqual(bytes);
        const base64 = `0b${Buffer.from(bytes).toString("base64")}`;
        expect(parseBinary(base64, 100)).toEqual(bytes);
      }),
    );
  });
});
