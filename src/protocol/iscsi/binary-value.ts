/** Binary values in text (RFC 7143, "Text Format"): hex-constant and base64-constant. */

const HEX = /^0[xX](?:[0-9a-fA-F]{2})+$/;
const BASE64 = /^0[bB]((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;

/** A value has at most this many characters a byte, and its prefix. */
const CHARACTERS_PER_BYTE = 2;
const PREFIX_LENGTH = 2;

/** The bytes of a constant of 1 to `lengthMax` bytes, or undefined. */
export function parseBinary(text: string, lengthMax: number): Uint8Array | undefined {
  if (text.length > PREFIX_LENGTH + CHARACTERS_PER_BYTE * lengthMax) return undefined;
  const bytes = HEX.test(text) ? hexBytes(text) : base64Bytes(text);
  if (bytes === undefined || bytes.length === 0 || bytes.length > lengthMax) return undefined;
  return bytes;
}

/** `bytes` as a hex-constant, which every initiator reads. */
export function formatBinary(bytes: Uint8Array): string {
  return `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function hexBytes(text: string): Uint8Array {
  const bytes = new Uint8Array((text.length - PREFIX_LENGTH) / CHARACTERS_PER_BYTE);
  for (let i = 0; i < bytes.length; i++) {
    const at = PREFIX_LENGTH + CHARACTERS_PER_BYTE * i;
    bytes[i] = Number.parseInt(text.slice(at, at + CHARACTERS_PER_BYTE), 16);
  }
  return bytes;
}

function base64Bytes(text: string): Uint8Array | undefined {
  const digits = BASE64.exec(text)?.[1];
  if (digits === undefined) return undefined;
  return Uint8Array.from(atob(digits), (character) => character.charCodeAt(0));
}
