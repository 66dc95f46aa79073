import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import {
  commandName,
  CommandType,
  CompactRequest,
  ExtendedReply,
  ExtendedRequest,
  Greeting,
  InfoBlockSize,
  InfoExport,
  NBD_MAGIC,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC,
  optionName,
  OptionReply,
  OptionRequest,
  OptionType,
  readInfoRequest,
  readMetaContextRequest,
  readString,
  REQUEST_MAGIC,
  SimpleReply,
  StructuredReply,
} from "../../../src/protocol/nbd/index.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const hexOf = (text: string) => text.replaceAll(" ", "");

// As proto.md draws them.
describe("layouts", () => {
  test.each([
    ["greeting", Greeting, 18],
    ["option request", OptionRequest, 16],
    ["option reply", OptionReply, 20],
    ["NBD_INFO_EXPORT", InfoExport, 12],
    ["NBD_INFO_BLOCK_SIZE", InfoBlockSize, 14],
    ["compact request", CompactRequest, 28],
    ["extended request", ExtendedRequest, 32],
    ["simple reply", SimpleReply, 16],
    ["structured reply", StructuredReply, 20],
    ["extended reply", ExtendedReply, 32],
  ])("%s", (_name, layout, size) => {
    expect(layout.size).toBe(size);
  });

  test("magic numbers", () => {
    expect(Buffer.from(NBD_MAGIC.toString(16), "hex").toString()).toBe("NBDMAGIC");
    expect(Buffer.from(OPTION_MAGIC.toString(16), "hex").toString()).toBe("IHAVEOPT");
    expect(OPTION_REPLY_MAGIC).toBe(0x3e889045565a9n);
  });

  test("a READ", () => {
    const request = CompactRequest.encode({
      magic: REQUEST_MAGIC,
      flags: 4,
      type: CommandType.read,
      cookieHigh: 0x01020304,
      cookieLow: 0x05060708,
      exportOffset: 0x1_0000_0200,
      length: 4096,
    });
    expect(hex(request)).toBe(
      hexOf("25609513 0004 0000 0102030405060708 0000000100000200 00001000"),
    );
  });
});

test("names", () => {
  expect(optionName(OptionType.setMetaContext)).toBe("NBD_OPT_SET_META_CONTEXT");
  expect(optionName(77)).toBe("option 77");
  expect(commandName(CommandType.writeZeroes)).toBe("NBD_CMD_WRITE_ZEROES");
  expect(commandName(77)).toBe("command 77");
});

describe("option data", () => {
  const bytes = (text: string) => Buffer.from(hexOf(text), "hex");

  test("NBD_OPT_GO", () => {
    expect(readInfoRequest(bytes("00000002 6869 0002 0003 0001"))).toEqual({
      name: "hi",
      requests: new Set([3, 1]),
    });
  });

  test("NBD_OPT_SET_META_CONTEXT", () => {
    const data = bytes("00000001 61 00000002 00000001 62 00000002 c3a9");
    expect(readMetaContextRequest(data, { queryCountMax: 2 })).toEqual({
      name: "a",
      queries: ["b", "é"],
    });
    expect(() => readMetaContextRequest(data, { queryCountMax: 1 })).toThrow(
      expect.objectContaining({ code: "NBD_QUERIES_MAX" }),
    );
  });

  test.each([
    ["cut off", "00000002 68", "NBD_OPTION_DATA"],
    ["with more than its fields", "00000000 0000 00", "NBD_OPTION_DATA"],
    ["no UTF-8", "00000001 ff 0000", "NBD_OPTION_DATA"],
    ["a long name", `00001001 ${"61".repeat(4097)} 0000`, "NBD_STRING_LENGTH"],
  ])("%s", (_what, text, code) => {
    expect(() => readInfoRequest(bytes(text))).toThrow(expect.objectContaining({ code }));
  });

  test("random bytes", () => {
    const readers = [
      readInfoRequest,
      readString,
      (data: Uint8Array) => readMetaContextRequest(data, { queryCountMax: 8 }),
    ];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(2), (data, which) => {
        // Lengths that fit, now and then.
        if (data.length > 4 && data[0]! < 128) data.set([0, 0, 0]);
        try {
          readers[which]!(data);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});
