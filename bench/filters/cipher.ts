/** The encrypted store by itself, against what OpenSSL's own program says of one core. */
import { encryptedStore, fileStore } from "../../src/sdk/index.ts";
import { alignedBytes } from "../../src/sdk/native/aligned-bytes.ts";
import { type Images, MIB } from "../../test/interop/support/images.ts";
import { runOk } from "../../test/interop/support/run.ts";

export interface CipherLoad {
  readonly name: string;
  readonly write: boolean;
  readonly sectorSize: number;
  /** The figure that the project wants to reach, as a multiple of OpenSSL's. */
  readonly goal?: number;
}

const LENGTH = 128 * 1024;
const DEPTH = 4;
const SECONDS = 2;
const TIMEOUT_MS = 20_000;
/** What is in the page cache is done at once: others get their turn after so many. */
const TURN = 8;

/** The sectors that encrypting-disk makes. */
const usual = { sectorSize: 4096, goal: 0.7 };

export const CIPHER_LOADS: readonly CipherLoad[] = [
  { name: "reads of 128 KiB, sectors of 4096 bytes", write: false, ...usual },
  { name: "writes of 128 KiB, sectors of 4096 bytes", write: true, ...usual },
  { name: "reads of 128 KiB, sectors of 512 bytes", write: false, sectorSize: 512 },
  { name: "writes of 128 KiB, sectors of 512 bytes", write: true, sectorSize: 512 },
];

/** Bytes a second, in a file that is in the page cache. */
export async function measureStore(load: CipherLoad, images: Images): Promise<number> {
  const path = await images.random("cipher.img", 128 * MIB);
  const key = Uint8Array.from({ length: 64 }, (_, i) => i);
  const store = encryptedStore(fileStore(path), key, { sectorSize: load.sectorSize });
  const places = store.size / LENGTH;
  let count = 0;
  let next = 0;
  const beganMs = performance.now();
  const worker = async () => {
    const buffer = alignedBytes(LENGTH, 4096);
    while (performance.now() < beganMs + SECONDS * 1000) {
      const offset = (next++ % places) * LENGTH;
      const done = load.write ? store.write(buffer, offset, false) : store.read(buffer, offset);
      if (done !== undefined) await done;
      else if (count % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      count++;
    }
  };
  await Promise.all(Array.from({ length: DEPTH }, worker));
  const seconds = (performance.now() - beganMs) / 1000;
  await store.close();
  return (count * LENGTH) / seconds;
}

/** Bytes a second of `openssl speed`, all 128 KiB as one sector. */
export async function measureOpenssl({ write }: CipherLoad): Promise<number> {
  const words = ["-evp", "aes-256-xts", "-bytes", String(LENGTH), "-seconds", String(SECONDS)];
  const direction = write ? [] : ["-decrypt"];
  const output = await runOk("openssl", ["speed", "-elapsed", "-mr", ...direction, ...words], {
    timeoutMs: TIMEOUT_MS,
  });
  const rate = Number(/^\+F:\d+:[^:]+:([\d.]+)$/m.exec(output)?.[1]);
  if (!(rate > 0)) throw new Error(`openssl speed said nothing of its speed:\n${output}`);
  return rate;
}
