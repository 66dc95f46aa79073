import { createCipheriv } from "node:crypto";

import { ERRNO } from "../../protocol/errno.ts";
import { SystemError } from "../../protocol/errors.ts";
import { gcrypt } from "./aes-xts-gcrypt.ts";
import { openssl } from "./aes-xts-openssl.ts";
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

/** A library that is called by address. */
export interface XtsLibrary {
  readonly name: "gcrypt" | "openssl";
  /** @param key 32 bytes for AES-128-XTS, 64 for AES-256-XTS; it may be wiped afterwards */
  open(key: Uint8Array, encrypting: boolean): XtsContext;
}

/** A key in a library, in one direction. */
export interface XtsContext {
  /**
   * @param from where the sectors are in memory
   * @param out where they go
   * @returns whether the library has done it
   */
  sectors(from: number, out: number, length: number, tweak: number, run: SectorRun): boolean;
  /** Wipes and frees what the library has. Called once, and last. */
  close(): void;
}

let libraries: readonly XtsLibrary[] | undefined;
let fastest: XtsLibrary | undefined;

/** What this process can call, each found to give what node:crypto gives. */
export function xtsLibraries(): readonly XtsLibrary[] {
  const libc = loadLibc();
  if (libc === undefined) return [];
  libraries ??= [gcrypt(libc), openssl(libc)].filter((library) => {
    return library !== undefined && givesWhatNodeGives(library, libc);
  }) as XtsLibrary[];
  return libraries;
}

/**
 * AES-XTS by a native library with a context that is set up once: a cipher object of node:crypto
 * has one IV all its life, so that every sector would cost a new one.
 *
 * @param key 32 bytes for AES-128-XTS, 64 for AES-256-XTS; it may be wiped afterwards
 * @returns undefined where there is no such library, or koffi is missing
 */
export function nativeAesXts(
  key: Uint8Array,
  library = fastestLibrary(),
): SectorCipher | undefined {
  const libc = loadLibc();
  return library === undefined || libc === undefined
    ? undefined
    : new NativeAesXts(libc, library, key);
}

class NativeAesXts implements SectorCipher {
  readonly #libc: Libc;
  readonly #encrypting: XtsContext;
  readonly #decrypting: XtsContext;
  #closed = false;

  constructor(libc: Libc, library: XtsLibrary, key: Uint8Array) {
    this.#libc = libc;
    this.#encrypting = library.open(key, true);
    this.#decrypting = library.open(key, false);
  }

  encrypt(source: Uint8Array, target: Uint8Array, tweak: number, run?: SectorRun): void {
    this.#run(this.#encrypting, source, target, tweak, run);
  }

  decrypt(source: Uint8Array, target: Uint8Array, tweak: number, run?: SectorRun): void {
    this.#run(this.#decrypting, source, target, tweak, run);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#encrypting.close();
    this.#decrypting.close();
  }

  #run(
    context: XtsContext,
    source: Uint8Array,
    target: Uint8Array,
    tweak: number,
    run: SectorRun | undefined,
  ): void {
    const { length } = source;
    const sectors = run ?? { sectorBytes: length, tweakStep: 0 };
    if (this.#closed) throw closedCipher();
    if (length > target.length || length % sectors.sectorBytes !== 0) throw failed(length);
    const from = this.#libc.addressOf(source);
    const out = source === target ? from : this.#libc.addressOf(target);
    if (!context.sectors(from, out, length, tweak, sectors)) throw failed(length);
  }
}

/** Runs of a trial, of which the fastest counts: the others were disturbed. */
const TRIALS = 8;
const TRIAL: SectorRun = { sectorBytes: 4096, tweakStep: 8 };
const TRIAL_BYTES = 32 * 1024;

/** Which one that is depends on the processor and on what each release knows of it. */
function fastestLibrary(): XtsLibrary | undefined {
  const [first, ...others] = xtsLibraries();
  if (fastest !== undefined || first === undefined || others.length === 0) return fastest ?? first;
  const times = [first, ...others].map((library) => ({ library, ms: trialMs(library) }));
  fastest = times.reduce((best, one) => (one.ms < best.ms ? one : best)).library;
  return fastest;
}

function trialMs(library: XtsLibrary): number {
  const cipher = nativeAesXts(anyKey(), library);
  const bytes = new Uint8Array(TRIAL_BYTES);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIALS; i++) {
    const beganMs = performance.now();
    cipher?.decrypt(bytes, bytes, 0, TRIAL);
    best = Math.min(best, performance.now() - beganMs);
  }
  cipher?.close();
  return best;
}

/** Each goes its own ways beside the documented ones: whether this release of it goes them, too. */
function givesWhatNodeGives(library: XtsLibrary, libc: Libc): boolean {
  const key = anyKey();
  const sectorBytes = 32;
  const plain = Uint8Array.from({ length: 4 * sectorBytes }, (_, i) => i);
  return [1, 8].every((tweakStep) => {
    const expected = Array.from({ length: 4 }, (_, i) => {
      const iv = Uint8Array.from({ length: 16 }, (__, at) => (at === 0 ? 3 + i * tweakStep : 0));
      const sector = plain.subarray(i * sectorBytes, (i + 1) * sectorBytes);
      return createCipheriv("aes-256-xts", key, iv).update(sector);
    });
    const bytes = Uint8Array.from(plain);
    const address = libc.addressOf(bytes);
    const turn = (encrypting: boolean) => {
      const context = library.open(key, encrypting);
      const run = { sectorBytes, tweakStep };
      const isDone = context.sectors(address, address, bytes.length, 3, run);
      context.close();
      return isDone;
    };
    return (
      turn(true) &&
      Buffer.concat(expected).equals(bytes) &&
      turn(false) &&
      Buffer.from(plain).equals(bytes)
    );
  });
}

function anyKey(): Uint8Array {
  return Uint8Array.from({ length: 64 }, (_, i) => i);
}

function failed(length: number): SystemError {
  return new SystemError("EIO", ERRNO.EIO, `AES-XTS of ${length} bytes failed in its library`);
}

/** What a cipher says that has been closed. */
export function closedCipher(): SystemError {
  return new SystemError("EBADF", ERRNO.EBADF, "the cipher is closed, its key is forgotten");
}
