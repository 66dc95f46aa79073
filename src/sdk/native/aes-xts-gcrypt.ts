import { ERRNO } from "../../protocol/errno.ts";
import { SystemError } from "../../protocol/errors.ts";
import { loadKoffi } from "../../runtime/koffi.ts";
import type { SectorRun, XtsContext, XtsLibrary } from "./aes-xts.ts";
import type { Libc } from "./libc.ts";
import { putPlain64, TWEAK_BYTES } from "./plain64.ts";

// gcrypt.h.
const INITIALIZATION_FINISHED = 38;
const CIPHER_AES128 = 7;
const CIPHER_AES256 = 9;
const MODE_XTS = 13;

/** libgcrypt's functions. Pointers are numbers; an error is not 0. */
interface Gcrypt {
  checkVersion(wanted: null): string | null;
  control(command: number, type: "int", value: number): number;
  open(handleAddress: number, algorithm: number, mode: number, flags: number): number;
  close(handle: number): void;
  setKey(handle: number, key: number, length: number): number;
  setIv(handle: number, iv: number, length: number): number;
  readonly encrypt: Crypt;
  readonly decrypt: Crypt;
}

type Crypt = (handle: number, out: number, room: number, from: number, length: number) => number;

/** The system's libgcrypt, which GnuPG and others have there; undefined where it is not. */
export function gcrypt(libc: Libc): XtsLibrary | undefined {
  const functions = tryBind();
  if (functions === undefined) return undefined;
  return {
    name: "gcrypt",
    open: (key, encrypting) => new GcryptContext(functions, libc, key, encrypting),
  };
}

function tryBind(): Gcrypt | undefined {
  try {
    const library = loadKoffi()?.load("libgcrypt.so.20");
    if (library === undefined) return undefined;
    const bind = <Name extends keyof Gcrypt>(name: string, result: string, words: string[]) =>
      library.func(name, result, words) as unknown as Gcrypt[Name];
    const pointer = "uintptr_t";
    const size = "size_t";
    const crypt = [pointer, pointer, size, pointer, size];
    const functions: Gcrypt = {
      checkVersion: bind<"checkVersion">("gcry_check_version", "str", ["str"]),
      control: bind<"control">("gcry_control", "uint", ["int", "..."]),
      open: bind<"open">("gcry_cipher_open", "uint", [pointer, "int", "int", "uint"]),
      close: bind<"close">("gcry_cipher_close", "void", [pointer]),
      setKey: bind<"setKey">("gcry_cipher_setkey", "uint", [pointer, pointer, size]),
      setIv: bind<"setIv">("gcry_cipher_setiv", "uint", [pointer, pointer, size]),
      encrypt: bind<"encrypt">("gcry_cipher_encrypt", "uint", crypt),
      decrypt: bind<"decrypt">("gcry_cipher_decrypt", "uint", crypt),
    };
    // Both belong to its initialization, in this order.
    functions.checkVersion(null);
    functions.control(INITIALIZATION_FINISHED, "int", 0);
    return functions;
  } catch {
    return undefined;
  }
}

class GcryptContext implements XtsContext {
  readonly #functions: Gcrypt;
  readonly #handle: number;
  readonly #crypt: Crypt;
  readonly #iv = new DataView(new ArrayBuffer(TWEAK_BYTES));
  readonly #ivAddress: number;

  constructor(functions: Gcrypt, libc: Libc, key: Uint8Array, encrypting: boolean) {
    this.#functions = functions;
    this.#crypt = encrypting ? functions.encrypt : functions.decrypt;
    this.#ivAddress = libc.addressOf(new Uint8Array(this.#iv.buffer));
    const handle = new BigUint64Array(1);
    const algorithm = key.length === 64 ? CIPHER_AES256 : CIPHER_AES128;
    const handleAddress = libc.addressOf(new Uint8Array(handle.buffer));
    const error = functions.open(handleAddress, algorithm, MODE_XTS, 0);
    this.#handle = Number(handle[0]);
    if (error !== 0) throw refused("has no AES-XTS", error);
    const keyError = functions.setKey(this.#handle, libc.addressOf(key), key.length);
    if (keyError !== 0) {
      functions.close(this.#handle);
      throw refused("refuses the AES-XTS key", keyError);
    }
  }

  sectors(from: number, out: number, length: number, tweak: number, run: SectorRun): boolean {
    const { sectorBytes, tweakStep } = run;
    for (let at = 0; at < length; at += sectorBytes) {
      // It counts the tweak on by one after each sector, itself.
      if (at === 0 || tweakStep !== 1) this.#setTweak(tweak + (at / sectorBytes) * tweakStep);
      if (this.#crypt(this.#handle, out + at, sectorBytes, from + at, sectorBytes) !== 0) {
        return false;
      }
    }
    return true;
  }

  close(): void {
    // It wipes what it frees.
    this.#functions.close(this.#handle);
  }

  #setTweak(tweak: number): void {
    putPlain64(this.#iv, tweak);
    this.#functions.setIv(this.#handle, this.#ivAddress, TWEAK_BYTES);
  }
}

function refused(what: string, error: number): SystemError {
  return new SystemError("EINVAL", ERRNO.EINVAL, `libgcrypt ${what}: error ${error & 0xffff}`);
}
