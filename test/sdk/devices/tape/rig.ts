/** A tape drive behind the core, with a cartridge in a scratch folder and an initiator. */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach } from "vitest";

import { parseSense, statusName } from "../../../../src/protocol/scsi/index.ts";
import type { Cartridge } from "../../../../src/sdk/storage/cartridge/cartridge.ts";
import {
  createCartridge,
  type NewCartridge,
  openCartridge,
} from "../../../../src/sdk/storage/cartridge/cartridge-folder.ts";
import { tape, type TapeDrive, type TapeOptions } from "../../../../src/sdk/devices/tape/tape.ts";
import type { LocalInitiator } from "../../../../src/targets/local/index.ts";
import { type Fixture, withDevice } from "../../../support/device.ts";
import { hex } from "../fake-command.ts";

/** What the initiator sees: `"GOOD"`, or `"0/00/01 FM 3"` with flags and INFORMATION. */
export interface Seen {
  readonly result: string;
  readonly data: Buffer;
}

export interface Rig {
  readonly fixture: Fixture;
  readonly drive: TapeDrive;
  readonly folder: string;
  readonly initiator: LocalInitiator;
  /** Sends a CDB. `room` is how much data-in is expected. */
  send(cdb: string, more?: { out?: Uint8Array; room?: number; by?: LocalInitiator }): Promise<Seen>;
  /** The same, for commands without data: only how they ended. */
  do(cdb: string): Promise<string>;
  write(block: Uint8Array | string): Promise<string>;
  /** READ(6) of one variable block. */
  read(length?: number): Promise<Seen>;
}

const folders: string[] = [];
const drives: TapeDrive[] = [];

/** A folder that is gone when the test file is over. */
function scratchFolder(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), "tape-"));
  folders.push(folder);
  return folder;
}

export function removeScratchFolders(): void {
  afterEach(async () => {
    for (const drive of drives.splice(0)) await drive.close();
  });
  afterAll(() => {
    for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
  });
}

let cartridges = 0;

export async function newCartridge(
  more: Partial<NewCartridge> = {},
): Promise<{ folder: string; cartridge: Cartridge }> {
  const folder = join(scratchFolder(), "TST001L8");
  await createCartridge(folder, {
    barcode: `TST${String(cartridges++).padStart(3, "0")}L8`,
    densityCode: 0x5e,
    mediumType: 0x88,
    capacityBytes: 64 * 1024 * 1024,
    ...more,
  });
  return { folder, cartridge: await openCartridge(folder) };
}

/** A drive with a cartridge, whose unit attentions have been told. */
export async function rig(
  options: Partial<TapeOptions> = {},
  cartridge: Partial<NewCartridge> | undefined = {},
): Promise<Rig> {
  const drive = tape({ name: "drive", compression: false, ...options });
  drives.push(drive);
  const fixture = await withDevice(drive);
  const initiator = fixture.connect();
  const medium = await newCartridge(cartridge);
  await drive.insert(medium.cartridge);
  const send: Rig["send"] = async (cdb, { out, room = 0, by = initiator } = {}) => {
    const response = await by.execute({
      cdb: hex(cdb),
      dataInLength: room,
      ...(out === undefined ? {} : { dataOut: out }),
    });
    return { result: resultOf(response), data: Buffer.from(response.dataIn) };
  };
  // The core's power on, then the drive's own.
  await send("00 00 00 00 00 00");
  await send("00 00 00 00 00 00");
  return {
    fixture,
    drive,
    initiator,
    folder: medium.folder,
    send,
    do: async (cdb) => (await send(cdb)).result,
    write: async (block) => {
      const out = typeof block === "string" ? Buffer.from(block) : block;
      return (await send(`0a 00 ${lengthOf(out.length)} 00`, { out })).result;
    },
    read: (length = 65_536) => send(`08 00 ${lengthOf(length)} 00`, { room: length }),
  };
}

export function lengthOf(count: number, digits = 6): string {
  return count.toString(16).padStart(digits, "0");
}

function resultOf({ status, sense }: { status: number; sense: Uint8Array }): string {
  if (sense.length === 0) return statusName(status);
  const seen = parseSense(sense);
  const byte = (value: number) => value.toString(16).toUpperCase().padStart(2, "0");
  const parts = [`${seen.key.toString(16).toUpperCase()}/${byte(seen.asc)}/${byte(seen.ascq)}`];
  if (seen.deferred) parts.push("DEFERRED");
  if (seen.filemark) parts.push("FM");
  if (seen.eom) parts.push("EOM");
  if (seen.ili) parts.push("ILI");
  // A residue is signed, in two's complement.
  if (seen.information !== undefined) parts.push(String(seen.information | 0));
  return parts.join(" ");
}
