import { ERRNO } from "../../protocol/errno.ts";
import { SystemError } from "../../protocol/errors.ts";
import { loadKoffi } from "../../runtime/koffi.ts";
import type { SectorRun, XtsContext, XtsLibrary } from "./aes-xts.ts";
import type { Libc } from "./libc.ts";
import { putPlain64, TWEAK_BYTES } from "./plain64.ts";

/** OpenSSL's functions. Pointers are numbers, 0 is NULL. */
interface OpenSsl {
  newContext(): number;
  freeContext(context: number): void;
  aes128Xts(): number;
  aes256Xts(): number;
  init(context: number, cipher: number, impl: 0, key: number, iv: number, enc: number): number;
  update(context: number, out: number, outLength: number, from: number, length: number): number;
  ivAddress(context: number): number;
}

/** The OpenSSL that Node is linked against; undefined where its names are not to be found. */
export function openssl(libc: Libc): XtsLibrary | undefined {
  const functions = tryBind();
  if (functions === undefined) return undefined;
  return {
    name: "openssl",
    open: (key, encrypting) => new OpenSslContext(functions, libc, key, encrypting),
  };
}

function tryBind(): OpenSsl | undefined {
  try {
    const library = loadKoffi()?.load(null);
    if (library === undefined) return undefined;
    const bind = <Name extends keyof OpenSsl>(name: string, result: string, words: string[]) =>
      library.func(name, result, words) as unknown as OpenSsl[Name];
    const pointer = "uintptr_t";
    return {
      newContext: bind<"newContext">("EVP_CIPHER_CTX_new", pointer, []),
      freeContext: bind<"freeContext">("EVP_CIPHER_CTX_free", "void", [pointer]),
      aes128Xts: bind<"aes128Xts">("EVP_aes_128_xts", pointer, []),
      aes256Xts: bind<"aes256Xts">("EVP_aes_256_xts", pointer, []),
      init: bind<"init">("EVP_CipherInit_ex", "int", [...Array<string>(5).fill(pointer), "int"]),
      update: bind<"update">("EVP_CipherUpdate", "int", [...Array<string>(4).fill(pointer), "int"]),
      ivAddress: bind<"ivAddress">("EVP_CIPHER_CTX_iv_noconst", pointer, [pointer]),
    };
  } catch {
    return undefined;
  }
}

class OpenSslContext implements XtsContext {
  readonly #functions: OpenSsl;
  readonly #context: number;
  /** Where OpenSSL puts how much it has done. */
  readonly #count = new Int32Array(1);
  readonly #countAddress: number;
  /** OpenSSL's own: to set it by EVP_CipherInit_ex takes as long as 1 KiB of data. */
  readonly #iv: DataView;

  constructor(functions: OpenSsl, libc: Libc, key: Uint8Array, encrypting: boolean) {
    this.#functions = functions;
    this.#countAddress = libc.addressOf(new Uint8Array(this.#count.buffer));
    const cipher = key.length === 64 ? functions.aes256Xts() : functions.aes128Xts();
    const context = functions.newContext();
    const iv = libc.addressOf(new Uint8Array(TWEAK_BYTES));
    const enc = encrypting ? 1 : 0;
    if (functions.init(context, cipher, 0, libc.addressOf(key), iv, enc) !== 1) {
      functions.freeContext(context);
      throw new SystemError("EINVAL", ERRNO.EINVAL, "OpenSSL refuses the AES-XTS key");
    }
    this.#context = context;
    this.#iv = new DataView(libc.bytesAt(functions.ivAddress(context), TWEAK_BYTES));
  }

  sectors(from: number, out: number, length: number, tweak: number, run: SectorRun): boolean {
    const { sectorBytes, tweakStep } = run;
    for (let at = 0; at < length; at += sectorBytes) {
      putPlain64(this.#iv, tweak);
      const [to, source, address] = [out + at, from + at, this.#countAddress];
      const done = this.#functions.update(this.#context, to, address, source, sectorBytes);
      if (done !== 1 || this.#count[0] !== sectorBytes) return false;
      tweak += tweakStep;
    }
    return true;
  }

  close(): void {
    // OpenSSL wipes what it frees.
    this.#functions.freeContext(this.#context);
  }
}
