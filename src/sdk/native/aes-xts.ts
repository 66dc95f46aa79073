import { createCipheriv } from "node:crypto";
import { createRequire } from "node:module";

import type * as koffi from "koffi";

import { ERRNO } from "../../protocol/errno.ts";
import { SystemError } from "../../protocol/errors.ts";
import { type Libc, loadLibc } from "./libc.ts";

/** Sectors that follow each other, to be done by one call. */
export interface SectorRun {
  readonly sectorBytes: number;
  /** By how much the tweak of each is more than that of the one before. */
  readonly tweakStep: number;
}

/** AES-XTS of whole sectors. `source` and `target` may be the same bytes. */
export interface SectorCipher {
  /**
   * `tweak` is the number that goes into the tweak of the first sector, as plain64 has it. Without
   * `run` all of `source` is one sector.
   */
  encrypt(source: Uint8Array, target: Uint8Array, tweak: number, run?: SectorRun): void;
  decrypt(source: Uint8Array, target: Uint8Array, tweak: number, run?: SectorRun): void;
  /** Forgets the key. Whoever goes on gets EBADF. */
  close(): void;
}

const IV_BYTES = 16;

let loaded: Crypto | null | undefined;

/**
 * AES-XTS by the OpenSSL that Node is linked against, with a context that is set up once: a cipher
 * object of node:crypto has one IV all its life, so that every sector would cost a new one.
 *
 * @param key 32 bytes for AES-128-XTS, 64 for AES-256-XTS; it may be wiped afterwards
 * @returns undefined where Node does not export OpenSSL's functions, or koffi is missing
 */
export function nativeAesXts(key: Uint8Array): SectorCipher | undefined {
  loaded ??= tryLoad();
  return loaded === null ? undefined : new NativeAesXts(loaded, key);
}

/** OpenSSL's functions. Pointers are numbers, 0 is NULL. */
interface Crypto {
  readonly libc: Libc;
  newContext(): number;
  freeContext(context: number): void;
  aes128Xts(): number;
  aes256Xts(): number;
  init(context: number, cipher: number, impl: 0, key: number, iv: number, enc: number): number;
  update(context: number, out: number, outLength: number, from: number, length: number): number;
  ivAddress(context: number): number;
}

function tryLoad(): Crypto | null {
  const libc = loadLibc();
  if (libc === undefined) return null;
  try {
    const require = createRequire(import.meta.url);
    const library = (require("koffi") as typeof koffi).load(null);
    const bind = <Name extends keyof Crypto>(name: string, result: string, parameters: string[]) =>
      library.func(name, result, parameters) as unknown as Crypto[Name];
    const pointer = "uintptr_t";
    const crypto: Crypto = {
      libc,
      newContext: bind<"newContext">("EVP_CIPHER_CTX_new", pointer, []),
      freeContext: bind<"freeContext">("EVP_CIPHER_CTX_free", "void", [pointer]),
      aes128Xts: bind<"aes128Xts">("EVP_aes_128_xts", pointer, []),
      aes256Xts: bind<"aes256Xts">("EVP_aes_256_xts", pointer, []),
      init: bind<"init">("EVP_CipherInit_ex", "int", [...Array<string>(5).fill(pointer), "int"]),
      update: bind<"update">("EVP_CipherUpdate", "int", [...Array<string>(4).fill(pointer), "int"]),
      ivAddress: bind<"ivAddress">("EVP_CIPHER_CTX_iv_noconst", pointer, [pointer]),
    };
    return worksAsNode(crypto) ? crypto : null;
  } catch {
    return null;
  }
}

/** The tweak is written where OpenSSL keeps it: whether this version takes it from there. */
function worksAsNode(crypto: Crypto): boolean {
  const key = Uint8Array.from({ length: 64 }, (_, i) => i);
  const context = new Context(crypto, key, 1);
  const sector = new Uint8Array(32);
  const address = crypto.libc.addressOf(sector);
  const isSame = [1, 2].every((tweak) => {
    const iv = Uint8Array.from({ length: IV_BYTES }, (_, i) => (i === 0 ? tweak : 0));
    const expected = createCipheriv("aes-256-xts", key, iv).update(sector);
    context.sector(address, address, sector.length, tweak);
    return expected.equals(sector);
  });
  context.close();
  return isSame;
}

class NativeAesXts implements SectorCipher {
  readonly #libc: Libc;
  readonly #encrypting: Context;
  readonly #decrypting: Context;

  constructor(crypto: Crypto, key: Uint8Array) {
    this.#libc = crypto.libc;
    this.#encrypting = new Context(crypto, key, 1);
    this.#decrypting = new Context(crypto, key, 0);
  }

  encrypt(source: Uint8Array, target: Uint8Array, tweak: number, run?: SectorRun): void {
    this.#run(this.#encrypting, source, target, tweak, run);
  }

  decrypt(source: Uint8Array, target: Uint8Array, tweak: number, run?: SectorRun): void {
    this.#run(this.#decrypting, source, target, tweak, run);
  }

  close(): void {
    this.#encrypting.close();
    this.#decrypting.close();
  }

  #run(
    context: Context,
    source: Uint8Array,
    target: Uint8Array,
    tweak: number,
    run: SectorRun | undefined,
  ): void {
    const { length } = source;
    const { sectorBytes, tweakStep } = run ?? { sectorBytes: length, tweakStep: 0 };
    if (length > target.length || length % sectorBytes !== 0) throw failed(length);
    const from = this.#libc.addressOf(source);
    const out = source === target ? from : this.#libc.addressOf(target);
    for (let at = 0; at < length; at += sectorBytes) {
      context.sector(from + at, out + at, sectorBytes, tweak);
      tweak += tweakStep;
    }
  }
}

/** OpenSSL's context of one direction. */
class Context {
  readonly #crypto: Crypto;
  /** Where OpenSSL puts how much it has done. */
  readonly #count = new Int32Array(1);
  readonly #countAddress: number;
  /** OpenSSL's own: to set it by EVP_CipherInit_ex takes as long as 1 KiB of data. */
  readonly #iv: DataView;
  #context: number;

  constructor(crypto: Crypto, key: Uint8Array, encrypting: 0 | 1) {
    const { libc } = crypto;
    this.#crypto = crypto;
    this.#countAddress = libc.addressOf(new Uint8Array(this.#count.buffer));
    const cipher = key.length === 64 ? crypto.aes256Xts() : crypto.aes128Xts();
    const context = crypto.newContext();
    const iv = libc.addressOf(new Uint8Array(IV_BYTES));
    if (crypto.init(context, cipher, 0, libc.addressOf(key), iv, encrypting) !== 1) {
      crypto.freeContext(context);
      throw new SystemError("EINVAL", ERRNO.EINVAL, "OpenSSL refuses the AES-XTS key");
    }
    this.#context = context;
    this.#iv = new DataView(libc.bytesAt(crypto.ivAddress(context), IV_BYTES));
  }

  /** @param from where the sector is in memory. @param out where it goes */
  sector(from: number, out: number, length: number, tweak: number): void {
    const context = this.#context;
    if (context === 0) throw closedCipher();
    this.#iv.setUint32(0, tweak % 0x1_0000_0000, true);
    this.#iv.setUint32(4, Math.floor(tweak / 0x1_0000_0000), true);
    const done = this.#crypto.update(context, out, this.#countAddress, from, length);
    if (done !== 1 || this.#count[0] !== length) throw failed(length);
  }

  close(): void {
    // OpenSSL wipes what it frees.
    if (this.#context !== 0) this.#crypto.freeContext(this.#context);
    this.#context = 0;
  }
}

function failed(length: number): SystemError {
  return new SystemError("EIO", ERRNO.EIO, `AES-XTS of ${length} bytes failed in OpenSSL`);
}

/** What a cipher says that has been closed. */
export function closedCipher(): SystemError {
  return new SystemError("EBADF", ERRNO.EBADF, "the cipher is closed, its key is forgotten");
}
