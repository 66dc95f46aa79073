import * as fs from "node:fs";
import { join } from "node:path";
import * as zlib from "node:zlib";

import { UsageError } from "../../../protocol/errors.ts";
import { folderStateStore } from "../folder-state-store.ts";
import { systemError } from "../system-error.ts";
import type { Cartridge, PartitionSizes } from "./cartridge.ts";
import {
  type Attribute,
  type CartridgeDescription,
  decodeDescription,
  encodeDescription,
  PARTITIONS_MAX,
} from "./description.ts";
import { FileHeader, FORMAT_VERSION, INDEX_MAGIC, LOG_MAGIC } from "./layout.ts";
import { LogFile } from "./log-file.ts";
import { PartitionLog } from "./partition-log.ts";

const DESCRIPTION = "cartridge.json";

/** What a new cartridge is. */
export type NewCartridge = Pick<
  CartridgeDescription,
  "barcode" | "densityCode" | "mediumType" | "capacityBytes"
> &
  Partial<Pick<CartridgeDescription, "kind" | "serial" | "writeProtected" | "cleaningsLeft">>;

/**
 * Makes a blank cartridge in `folder`, which must not be there yet.
 *
 * @throws SystemError where the folder is there or can't be made
 */
export async function createCartridge(folder: string, cartridge: NewCartridge): Promise<void> {
  try {
    fs.mkdirSync(folder, { recursive: false, mode: 0o700 });
  } catch (cause) {
    throw systemError(cause, `making the cartridge ${folder}`);
  }
  const description: CartridgeDescription = {
    kind: "data",
    serial: cartridge.barcode,
    writeProtected: false,
    cleaningsLeft: cartridge.kind === "cleaning" ? 50 : 0,
    ...cartridge,
    capacityProportion: 0xffff,
    partitions: [cartridge.capacityBytes],
    formatting: 0,
    attributes: [new Map()],
  };
  await createFiles(folder, description);
  await saveDescription(folder, description);
}

/** What a cartridge is, without opening it. Throws UsageError `CARTRIDGE_FORMAT`. */
export function readDescription(folder: string): CartridgeDescription {
  const bytes = folderStateStore(folder).load(DESCRIPTION);
  const path = join(folder, DESCRIPTION);
  if (bytes === undefined) throw new UsageError("CARTRIDGE_FORMAT", `${path} is missing`);
  return decodeDescription(bytes, path);
}

/** Opens a cartridge. Nobody else may have it open. */
export async function openCartridge(folder: string): Promise<Cartridge> {
  const description = readDescription(folder);
  const readOnly = !isWritable(folder);
  if (!readOnly) removeOthers(folder, description.formatting);
  const partitions = await openLogs(folder, description, readOnly);
  return new FolderCartridge(folder, description, partitions, readOnly);
}

class FolderCartridge implements Cartridge {
  readonly #folder: string;
  #description: CartridgeDescription;
  #logs: readonly PartitionLog[];
  readonly readOnly: boolean;

  constructor(
    folder: string,
    description: CartridgeDescription,
    logs: readonly PartitionLog[],
    readOnly: boolean,
  ) {
    this.#folder = folder;
    this.#description = description;
    this.#logs = logs;
    this.readOnly = readOnly;
  }

  get description(): CartridgeDescription {
    return this.#description;
  }

  get partitions(): readonly PartitionLog[] {
    return this.#logs;
  }

  async setAttributes(
    partition: number,
    attributes: ReadonlyMap<number, Attribute | undefined>,
  ): Promise<void> {
    const all = this.#description.attributes.map((old, index) => {
      if (index !== partition) return old;
      const changed = new Map(old);
      for (const [identifier, attribute] of attributes) {
        if (attribute === undefined) changed.delete(identifier);
        else changed.set(identifier, attribute);
      }
      return changed;
    });
    await this.#save({ ...this.#description, attributes: all });
  }

  async update(change: Partial<CartridgeDescription>): Promise<void> {
    await this.#save({ ...this.#description, ...change });
  }

  async format(sizes: PartitionSizes, capacityProportion?: number): Promise<void> {
    if (sizes.length < 1 || sizes.length > PARTITIONS_MAX) {
      throw new UsageError("PARTITIONS", `${sizes.length} partitions: 1 to ${PARTITIONS_MAX}`);
    }
    const old = this.#description;
    const first = old.attributes[0] ?? new Map<number, Attribute>();
    const description: CartridgeDescription = {
      ...old,
      partitions: [...sizes],
      capacityProportion: capacityProportion ?? old.capacityProportion,
      formatting: old.formatting + 1,
      attributes: sizes.map((_, index) => (index === 0 ? first : new Map())),
    };
    await createFiles(this.#folder, description);
    // From here on the new files count; before, the old ones did.
    await this.#save(description);
    const logs = this.#logs;
    this.#logs = await openLogs(this.#folder, description, false);
    await Promise.all(logs.map((log) => log.close().catch(() => undefined)));
    removeOthers(this.#folder, description.formatting);
  }

  async close(): Promise<void> {
    const ends = await Promise.allSettled(this.#logs.map((log) => log.close()));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  async #save(description: CartridgeDescription): Promise<void> {
    await saveDescription(this.#folder, description);
    this.#description = description;
  }
}

function saveDescription(folder: string, description: CartridgeDescription): Promise<void> {
  return folderStateStore(folder).save(DESCRIPTION, encodeDescription(description));
}

function fileName(formatting: number, partition: number, kind: "log" | "index"): string {
  return `${formatting}-${partition}.${kind}`;
}

function fileHeader(magic: string, formatting: number, partition: number): Uint8Array {
  const version = FORMAT_VERSION;
  const header = FileHeader.view();
  FileHeader.write(header, { magic, version, partition, formatting });
  header.check = zlib.crc32(header.bytes.subarray(0, FileHeader.offsetOf("check")));
  return header.bytes;
}

/** Makes the empty files of a formatting; what a formatting that failed has left is replaced. */
async function createFiles(folder: string, description: CartridgeDescription): Promise<void> {
  const { formatting, partitions } = description;
  for (const partition of partitions.keys()) {
    for (const kind of ["log", "index"] as const) {
      const path = join(folder, fileName(formatting, partition, kind));
      fs.rmSync(path, { force: true });
      const file = await LogFile.open(path, { create: true });
      try {
        const magic = kind === "log" ? LOG_MAGIC : INDEX_MAGIC;
        await file.write(fileHeader(magic, formatting, partition), 0);
        await file.sync();
      } finally {
        await file.close();
      }
    }
  }
}

async function openLogs(
  folder: string,
  { formatting, partitions }: CartridgeDescription,
  readOnly: boolean,
): Promise<PartitionLog[]> {
  const files: LogFile[] = [];
  try {
    const logs: PartitionLog[] = [];
    for (const partition of partitions.keys()) {
      const open = async (kind: "log" | "index") => {
        const path = join(folder, fileName(formatting, partition, kind));
        const file = await LogFile.open(path, { readOnly });
        files.push(file);
        const magic = kind === "log" ? LOG_MAGIC : INDEX_MAGIC;
        return { file, check: await checkHeader(file, magic, formatting, partition) };
      };
      const log = await open("log");
      const index = await open("index");
      logs.push(await PartitionLog.open(log.file, index.file, log.check));
    }
    return logs;
  } catch (error) {
    await Promise.all(files.map((file) => file.close()));
    throw error;
  }
}

/** The file's header must be the expected one. Gives its checksum. */
async function checkHeader(
  file: LogFile,
  magic: string,
  formatting: number,
  partition: number,
): Promise<number> {
  const expected = fileHeader(magic, formatting, partition);
  const found = new Uint8Array(FileHeader.size);
  await file.read(found, 0);
  if (Buffer.compare(found, expected) !== 0) {
    throw new UsageError("CARTRIDGE_FORMAT", `${file.path} does not begin as it must`);
  }
  return FileHeader.view(expected).check;
}

/** Files of a formatting that was replaced, or that was never finished. */
function removeOthers(folder: string, formatting: number): void {
  for (const name of fs.readdirSync(folder)) {
    const match = /^(\d+)-\d+\.(log|index)$/.exec(name);
    if (match !== null && Number(match[1]) !== formatting) fs.rmSync(join(folder, name));
  }
}

function isWritable(folder: string): boolean {
  try {
    fs.accessSync(folder, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
