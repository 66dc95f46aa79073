import { ProtocolError } from "../errors.ts";

/** A key and its value as they stand in a Login or Text PDU. */
export type TextPair = readonly [key: string, value: string];

/** RFC 7143, "Text Format": a key has at most 63 bytes. */
const TEXT_KEY_LENGTH_MAX = 63;
/** A value has at most 255 bytes, except where a key says otherwise (large binary values). */
const TEXT_VALUE_LENGTH_MAX = 8192;

/** The limits of one exchange's text. */
interface TextLimits {
  /** Pairs. */
  readonly keyCountMax: number;
}

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();
const KEY = /^[A-Za-z][A-Za-z0-9.+@_#-]*$/;
const NUL = 0;
const EQUALS = 0x3d;

/**
 * The pairs of `key=value NUL key=value NUL …`.
 *
 * @throws ProtocolError `ISCSI_TEXT_…`: which rule the bytes break
 */
export function decodeText(bytes: Uint8Array, limits: TextLimits): TextPair[] {
  const pairs: TextPair[] = [];
  let start = 0;
  while (start < bytes.length) {
    let end = bytes.indexOf(NUL, start);
    if (end < 0) {
      throw new ProtocolError(
        "ISCSI_TEXT_UNFINISHED",
        `text of ${bytes.length} bytes ends inside a pair that began at byte ${start}; ` +
          "a pair ends with a NUL",
      );
    }
    // NULs between pairs are padding that some initiators count into the data segment.
    if (end > start) {
      if (pairs.length >= limits.keyCountMax) {
        throw new ProtocolError(
          "ISCSI_TEXT_KEYS",
          `text has more than ${limits.keyCountMax} keys, which is the limit`,
        );
      }
      pairs.push(decodePair(bytes, start, end));
    }
    start = ++end;
  }
  return pairs;
}

function decodePair(bytes: Uint8Array, start: number, end: number): TextPair {
  const equals = bytes.indexOf(EQUALS, start);
  if (equals < 0 || equals >= end) {
    throw new ProtocolError("ISCSI_TEXT_NO_VALUE", `text at byte ${start} has no "="`);
  }
  const key = utf8(bytes, start, equals);
  if (key.length > TEXT_KEY_LENGTH_MAX || !KEY.test(key)) {
    throw new ProtocolError(
      "ISCSI_TEXT_KEY",
      `key ${JSON.stringify(key.slice(0, TEXT_KEY_LENGTH_MAX))} at byte ${start}: a key is a ` +
        `letter and at most ${TEXT_KEY_LENGTH_MAX - 1} letters, digits or . - + @ _ #`,
    );
  }
  if (end - equals - 1 > TEXT_VALUE_LENGTH_MAX) {
    throw new ProtocolError(
      "ISCSI_TEXT_VALUE",
      `the value of ${key} has ${end - equals - 1} bytes, at most ${TEXT_VALUE_LENGTH_MAX} may be`,
    );
  }
  return [key, utf8(bytes, equals + 1, end)];
}

function utf8(bytes: Uint8Array, start: number, end: number): string {
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch (cause) {
    throw new ProtocolError("ISCSI_TEXT_UTF8", `text at byte ${start} is not UTF-8`, { cause });
  }
}

/** The bytes of `pairs`. Values are ours and are not checked. */
export function encodeText(pairs: readonly TextPair[]): Uint8Array {
  return encoder.encode(pairs.map(([key, value]) => `${key}=${value}\0`).join(""));
}
