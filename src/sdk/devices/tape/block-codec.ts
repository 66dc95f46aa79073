import {
  createCipheriv,
  createDecipheriv,
  createHash,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import * as zlib from "node:zlib";

import { SENSE } from "../../../protocol/scsi/index.ts";
import type { MaybePromise } from "../../handler.ts";
import { loadBrotli } from "../../native/brotli.ts";
import { checkCondition, type Outcome } from "../../outcome.ts";
import { COMPRESSION } from "../../storage/cartridge/layout.ts";
import type { StoredObject } from "../../storage/cartridge/partition-log.ts";
import { DECRYPTION_MODE, type EncryptionParameters } from "./encryption-state.ts";

/** Below this a block is not worth compressing. */
const COMPRESSIBLE_BYTES_MIN = 512;
/** Up to this length a block is compressed on the event loop: a detour would take longer. */
const COMPRESS_NOW_BYTES_MAX = 8 * 1024;
const QUALITY = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 0 } };

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const DIGEST_BYTES = 8;
/** Nonce, tag, the key's digest, and the lengths of U-KAD and A-KAD, which follow. */
const PREFIX_BYTES = NONCE_BYTES + TAG_BYTES + DIGEST_BYTES + 2;

/** What becomes of a block on its way to the medium. */
export interface Encoding {
  readonly compress: boolean;
  readonly encryption: EncryptionParameters | undefined;
}

/** Whether {@link encodeBlock} leaves the event loop for a block. */
export function takesLong(block: Uint8Array, encoding: Encoding): boolean {
  return encoding.compress && block.length > COMPRESS_NOW_BYTES_MAX;
}

/**
 * A block as it is stored: compressed, if that makes it shorter, then encrypted.
 *
 * @param target room for what is compressed, at least as long as the block; new if absent
 */
export function encodeBlock(
  block: Uint8Array,
  encoding: Encoding,
  target?: Uint8Array,
): MaybePromise<StoredObject> {
  if (!encoding.compress || block.length < COMPRESSIBLE_BYTES_MIN) {
    return finish(block, block.length, COMPRESSION.NONE, encoding);
  }
  if (takesLong(block, encoding)) {
    return compress(block, target).then((compressed) => shorter(block, compressed, encoding));
  }
  return shorter(block, zlib.brotliCompressSync(block, QUALITY), encoding);
}

/** On the thread pool; undefined where it can't be done, or does not make it shorter. */
async function compress(
  block: Uint8Array,
  target: Uint8Array = new Uint8Array(block.length),
): Promise<Uint8Array | undefined> {
  const native = loadBrotli();
  if (native === undefined) return await compressByZlib(block);
  try {
    const length = await native.compress(block, target.subarray(0, block.length - 1));
    return length === 0 ? undefined : target.subarray(0, length);
  } catch {
    // koffi refuses a call too many (256 of the whole process).
    return undefined;
  }
}

export function compressByZlib(block: Uint8Array): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    // One chunk: each is a turn of the event loop.
    zlib.brotliCompress(block, { ...QUALITY, chunkSize: block.length }, (error, result) => {
      resolve(error === null ? result : undefined);
    });
  });
}

function shorter(
  block: Uint8Array,
  compressed: Uint8Array | undefined,
  encoding: Encoding,
): StoredObject {
  return compressed !== undefined && compressed.length < block.length
    ? finish(compressed, block.length, COMPRESSION.BROTLI, encoding)
    : finish(block, block.length, COMPRESSION.NONE, encoding);
}

function finish(
  bytes: Uint8Array,
  blockLength: number,
  compression: number,
  { encryption }: Encoding,
): StoredObject {
  if (encryption === undefined) {
    return {
      filemark: false,
      compression,
      encrypted: false,
      prefixLength: 0,
      blockLength,
      bytes,
    };
  }
  const { key, unauthenticated, authenticated } = encryption;
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(authenticated);
  const sealed = cipher.update(bytes);
  cipher.final();
  const lengths = Uint8Array.of(unauthenticated.length, authenticated.length);
  const prefix = Buffer.concat([
    nonce,
    cipher.getAuthTag(),
    digestOf(key),
    lengths,
    unauthenticated,
    authenticated,
  ]);
  return {
    filemark: false,
    compression,
    encrypted: true,
    prefixLength: prefix.length,
    blockLength,
    bytes: Buffer.concat([prefix, sealed]),
  };
}

/** Tells a wrong key from damaged data, and nothing of the key itself. */
function digestOf(key: Uint8Array): Uint8Array {
  return createHash("sha256")
    .update("scst-user tape key")
    .update(key)
    .digest()
    .subarray(0, DIGEST_BYTES);
}

/** Gives room for a block of so many bytes. */
export type Room = (length: number) => Uint8Array;

/**
 * The block of a stored object, or the sense that says why there is none.
 *
 * @param room for what is decompressed; new if absent
 */
export function decodeBlock(
  stored: StoredObject,
  encryption: EncryptionParameters | undefined,
  room: Room = (length) => new Uint8Array(length),
): MaybePromise<Uint8Array | Outcome> {
  const mode = encryption?.decryptionMode ?? DECRYPTION_MODE.DISABLE;
  if (!stored.encrypted) {
    return mode === DECRYPTION_MODE.DECRYPT ? UNENCRYPTED : decompress(stored, stored.bytes, room);
  }
  if (encryption === undefined || mode < DECRYPTION_MODE.DECRYPT) return UNABLE_TO_DECRYPT;
  const opened = open(stored, encryption.key);
  return opened instanceof Uint8Array ? decompress(stored, opened, room) : opened;
}

function open({ bytes, prefixLength }: StoredObject, key: Uint8Array): Uint8Array | Outcome {
  const { nonce, tag, digest, authenticated } = readPrefix(bytes, prefixLength);
  if (!timingSafeEqual(digest, digestOf(key))) return INCORRECT_KEY;
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(authenticated);
  decipher.setAuthTag(tag);
  const opened = decipher.update(bytes.subarray(prefixLength));
  try {
    decipher.final();
  } catch {
    return INTEGRITY_FAILED;
  }
  return opened;
}

/** What the bytes before an encrypted block say: Next Block Encryption Status tells it. */
export function readPrefix(bytes: Uint8Array, prefixLength: number) {
  const prefix = bytes.subarray(0, Math.max(prefixLength, PREFIX_BYTES));
  let at = 0;
  const take = (length: number) => prefix.subarray(at, (at += length));
  const nonce = take(NONCE_BYTES);
  const tag = take(TAG_BYTES);
  const digest = take(DIGEST_BYTES);
  const [unauthenticatedLength = 0, authenticatedLength = 0] = take(2);
  return {
    nonce,
    tag,
    digest,
    unauthenticated: take(unauthenticatedLength),
    authenticated: take(authenticatedLength),
  };
}

/** Whether a key is the one that a block was encrypted with. */
export function isKeyOf(bytes: Uint8Array, prefixLength: number, key: Uint8Array): boolean {
  return timingSafeEqual(readPrefix(bytes, prefixLength).digest, digestOf(key));
}

function decompress(
  { compression, blockLength }: StoredObject,
  bytes: Uint8Array,
  room: Room,
): MaybePromise<Uint8Array | Outcome> {
  if (compression === COMPRESSION.NONE) return bytes;
  if (compression !== COMPRESSION.BROTLI) return UNKNOWN_FORMAT;
  const whole = (block: Uint8Array) => (block.length === blockLength ? block : DAMAGED);
  if (blockLength <= COMPRESS_NOW_BYTES_MAX) {
    try {
      return whole(zlib.brotliDecompressSync(bytes, { maxOutputLength: Math.max(1, blockLength) }));
    } catch {
      return DAMAGED;
    }
  }
  const byZlib = async () => whole((await decompressByZlib(bytes, blockLength)) ?? NOTHING);
  const native = loadBrotli();
  if (native === undefined) return byZlib();
  const block = room(blockLength);
  // koffi refuses a call too many (256 of the whole process).
  return native
    .decompress(bytes, block)
    .then((length) => (length === blockLength ? block : DAMAGED), byZlib);
}

/** At most `length` bytes; undefined where the data are damaged. */
export function decompressByZlib(
  bytes: Uint8Array,
  length: number,
): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const options = { maxOutputLength: length, chunkSize: length };
    zlib.brotliDecompress(bytes, options, (error, block) => {
      resolve(error === null ? block : undefined);
    });
  });
}

const NOTHING = new Uint8Array(0);
const UNENCRYPTED = checkCondition(SENSE.UNENCRYPTED_DATA_ENCOUNTERED_WHILE_DECRYPTING);
const UNABLE_TO_DECRYPT = checkCondition(SENSE.UNABLE_TO_DECRYPT_DATA);
const INCORRECT_KEY = checkCondition(SENSE.INCORRECT_DATA_ENCRYPTION_KEY);
const INTEGRITY_FAILED = checkCondition(SENSE.CRYPTOGRAPHIC_INTEGRITY_VALIDATION_FAILED);
const UNKNOWN_FORMAT = checkCondition(SENSE.CANNOT_READ_MEDIUM_UNKNOWN_FORMAT);
const DAMAGED = checkCondition(SENSE.UNRECOVERED_READ_ERROR);
