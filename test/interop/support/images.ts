import { createHash, randomFillSync } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

export const MIB = 1024 * 1024;

const WRITE_LENGTH = 64 * 1024;

/** A folder for images that goes when the test is over. */
export class Images {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<Images> {
    return new Images(await mkdtemp(join(tmpdir(), "scst-user-interop-")));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** A sparse file of zeros. */
  async sparse(name: string, length: number): Promise<string> {
    const path = this.path(name);
    const file = await open(path, "w");
    await file.truncate(length);
    await file.close();
    return path;
  }

  /**
   * A file of random bytes, in the page cache in small folios, as initiators leave it. In those of
   * a file written in MiBs Linux looks at every block for each small write: 20 µs and more a write,
   * whoever serves it.
   */
  async random(name: string, length: number): Promise<string> {
    const path = this.path(name);
    const file = await open(path, "w");
    const chunk = Buffer.allocUnsafe(16 * MIB);
    for (let at = 0; at < length; at += chunk.length) {
      randomFillSync(chunk);
      const end = Math.min(chunk.length, length - at);
      for (let from = 0; from < end; from += WRITE_LENGTH) {
        await file.write(chunk, from, Math.min(WRITE_LENGTH, end - from));
      }
    }
    await file.close();
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** What identifies a file's bytes. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: MIB }), hash);
  return hash.digest("hex");
}

/** `length` bytes of a file. */
export async function readAt(path: string, offset: number, length: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
