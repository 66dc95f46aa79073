import { type FileHandle, open } from "node:fs/promises";

import {
  type Cartridge,
  type Progress,
  readSimhTape,
  type TapeContents,
  UsageError,
  verifyTape,
  writeSimhTape,
} from "scst-user";

/** Reads all of it. @throws UsageError CARTRIDGE_DAMAGED what can't be read */
export async function verifyCartridge(cartridge: Cartridge, progress: Progress): Promise<string> {
  const found = await verifyTape(cartridge, progress);
  const [first] = found.damaged;
  if (first === undefined) return `${contentsOf(found)}: all of it can be read`;
  const { length } = found.damaged;
  throw new UsageError(
    "CARTRIDGE_DAMAGED",
    `${contentsOf(found)}; ${length} can't be read, the first is ${first}`,
  );
}

/** Makes it a blank one. */
export async function eraseCartridge(cartridge: Cartridge): Promise<string> {
  const { kind, writeProtected, capacityBytes } = cartridge.description;
  if (kind !== "data") throw new UsageError("REFUSED", `a ${kind} cartridge can't be erased`);
  if (writeProtected) throw new UsageError("REFUSED", "it is write-protected");
  await cartridge.format([capacityBytes], 0xffff);
  return "blank";
}

/** Writes it to an image, which must not be there yet. */
export async function dumpCartridge(
  cartridge: Cartridge,
  path: string,
  progress: Progress,
): Promise<string> {
  const file = await openImage(path, "wx");
  try {
    const write = async (bytes: Uint8Array) => {
      await file.appendFile(bytes);
    };
    return `${path}: ${contentsOf(await writeSimhTape(cartridge, write, progress))}`;
  } finally {
    await file.close();
  }
}

/** Writes an image to it. */
export async function restoreCartridge(cartridge: Cartridge, path: string): Promise<string> {
  const { kind, writeProtected } = cartridge.description;
  if (kind === "cleaning" || writeProtected) {
    throw new UsageError("REFUSED", `${path}: the cartridge can't be written`);
  }
  const file = await openImage(path, "r");
  try {
    const read = async (length: number) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length);
      return buffer.subarray(0, bytesRead);
    };
    return contentsOf(await readSimhTape(cartridge, read));
  } finally {
    await file.close();
  }
}

async function openImage(path: string, flags: string): Promise<FileHandle> {
  try {
    return await open(path, flags);
  } catch (cause) {
    throw new UsageError("IMAGE", `${path}: ${(cause as Error).message}`, { cause });
  }
}

function contentsOf({ blocks, filemarks, bytes, encrypted }: TapeContents): string {
  const secret = encrypted === 0 ? "" : ` (${encrypted} of them encrypted)`;
  return `${blocks} blocks${secret}, ${bytes} bytes, ${filemarks} filemarks`;
}
