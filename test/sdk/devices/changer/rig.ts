/** A library behind the core: one changer, drives that are not exported, and initiators. */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach } from "vitest";

import { parseSense, statusName } from "../../../../src/protocol/scsi/index.ts";
import {
  cartridgeFolder,
  changer,
  createCartridge,
  type ElementLayout,
  Library,
  libraryFolder,
  type LibraryStore,
  loopbackChannel,
  type Placed,
  registerDevice,
  tape,
  type TapeDrive,
} from "../../../../src/sdk/index.ts";
import type { LocalInitiator } from "../../../../src/targets/local/index.ts";
import { type Fixture, withDevice } from "../../../support/device.ts";
import { hex } from "../fake-command.ts";

/** Picker 0001h, I/E 0010h and 0011h, drives 0100h and 0101h, slots 1000h to 1004h. */
export const LAYOUT: ElementLayout = {
  picker: 0x0001,
  importExport: { first: 0x0010, count: 2 },
  drives: { first: 0x0100, count: 2 },
  storage: { first: 0x1000, count: 5 },
};

/** A cartridge in each of the first three slots. */
export const PLACED: readonly Placed[] = [
  { address: 0x1000, barcode: "AAA001L8", kind: "data", source: undefined, imported: false },
  { address: 0x1001, barcode: "AAA002L8", kind: "data", source: undefined, imported: false },
  { address: 0x1002, barcode: "CLN001L1", kind: "cleaning", source: undefined, imported: false },
];

export interface Seen {
  readonly result: string;
  readonly data: Buffer;
}

interface Options {
  readonly out?: Uint8Array;
  readonly room?: number;
  readonly lun?: number;
  readonly by?: LocalInitiator;
}

export interface Rig {
  readonly fixture: Fixture;
  readonly folder: string;
  readonly store: LibraryStore;
  readonly library: Library;
  readonly drives: readonly TapeDrive[];
  readonly initiator: LocalInitiator;
  send(cdb: string, more?: Options): Promise<Seen>;
  do(cdb: string, by?: LocalInitiator): Promise<string>;
  /** MOVE MEDIUM by the default picker. */
  move(from: number, to: number): Promise<string>;
  /** Where the cartridges are, as the folder says: `1000=AAA001L8 …`. */
  saved(): string;
}

const folders: string[] = [];
const open: TapeDrive[] = [];

export function removeScratchFolders(): void {
  afterEach(async () => {
    for (const drive of open.splice(0)) await drive.close();
  });
  afterAll(() => {
    for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
  });
}

/** A library's folder with cartridges. */
async function newFolder(placed: readonly Placed[]): Promise<string> {
  const folder = fs.mkdtempSync(join(tmpdir(), "changer-"));
  folders.push(folder);
  fs.mkdirSync(join(folder, "cartridges"));
  for (const { barcode, kind } of placed) {
    await createCartridge(cartridgeFolder(folder, barcode), {
      barcode,
      kind,
      densityCode: kind === "cleaning" ? 0 : 0x5e,
      mediumType: kind === "cleaning" ? 1 : 0x88,
      capacityBytes: 1024 * 1024,
    });
  }
  await libraryFolder(folder).save(placed);
  return folder;
}

export async function rig({
  placed = PLACED,
  store,
}: {
  placed?: readonly Placed[];
  /** What the library has instead of its folder. */
  store?: (folder: LibraryStore) => LibraryStore;
} = {}): Promise<Rig> {
  const folder = await newFolder(placed);
  const files = libraryFolder(folder);
  const library = new Library({ layout: LAYOUT, store: store?.(files) ?? files });
  const drives = ["D1", "D2"].map((name) => tape({ name, serial: `DRIVE0000${name}` }));
  open.push(...drives);
  const fixture = await withDevice(changer(library, { name: "robot", product: "3573-TL" }));
  for (const [index, drive] of drives.entries()) {
    await registerDevice(loopbackChannel(fixture.core), `drive${index + 1}`, drive);
    fixture.target.addLun(index + 1, `drive${index + 1}`);
  }
  await library.start(drives);
  const initiator = fixture.connect();
  const send: Rig["send"] = async (cdb, { out, room = 0, lun = 0, by = initiator } = {}) => {
    const response = await by.execute({
      cdb: hex(cdb),
      lun,
      dataInLength: room,
      ...(out === undefined ? {} : { dataOut: out }),
    });
    return { result: resultOf(response), data: Buffer.from(response.dataIn) };
  };
  await send("00 00 00 00 00 00");
  const rigged: Rig = {
    fixture,
    folder,
    store: files,
    library,
    drives,
    initiator,
    send,
    do: async (cdb, by = initiator) => (await send(cdb, { by })).result,
    move: (from, to) => rigged.do(`a5 00 0000 ${word(from)} ${word(to)} 0000 00 00`),
    saved: () =>
      (files.load() ?? []).map(({ address, barcode }) => `${word(address)}=${barcode}`).join(" "),
  };
  return rigged;
}

export function word(value: number): string {
  return value.toString(16).padStart(4, "0");
}

function resultOf({ status, sense }: { status: number; sense: Uint8Array }): string {
  if (sense.length === 0) return statusName(status);
  const { key, asc, ascq, fieldPointer } = parseSense(sense);
  const byte = (value: number) => value.toString(16).toUpperCase().padStart(2, "0");
  const text = `${key.toString(16).toUpperCase()}/${byte(asc)}/${byte(ascq)}`;
  if (fieldPointer === undefined) return text;
  const bit = fieldPointer.bit === undefined ? "" : `.${fieldPointer.bit}`;
  return `${text} ${fieldPointer.inCdb ? "CDB" : "list"} ${fieldPointer.byte}${bit}`;
}
