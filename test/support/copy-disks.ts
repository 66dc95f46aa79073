/** Disks in memory for EXTENDED COPY, and the command as an initiator sends it. */
import { createCore } from "../../src/core/index.ts";
import {
  ASSOCIATION,
  BlockToBlockSegmentDescriptor,
  CODE_SET,
  COPY_DESCRIPTOR_TYPE,
  DESIGNATOR_TYPE,
  DEVICE_TYPE,
  encodeDesignation,
  ExtendedCopyParameterList,
  IdentificationCscdDescriptor,
  LIST_ID_USAGE,
  SENSE,
  STATUS,
  VpdPageHeader,
} from "../../src/protocol/scsi/index.ts";
import { loopbackChannel } from "../../src/sdk/channel/loopback.ts";
import { type RegisteredDevice, registerDevice } from "../../src/sdk/device/register-device.ts";
import type { DeviceHandler, DeviceOptions, ScsiCommand } from "../../src/sdk/handler.ts";
import { checkCondition, good, type Outcome } from "../../src/sdk/outcome.ts";
import {
  type LocalInitiator,
  type LocalResponse,
  LocalTarget,
} from "../../src/targets/local/index.ts";
import { senseText } from "./bench.ts";
import { FakeClock } from "./fake-clock.ts";

export const BLOCKS = 8192;

interface DiskOptions {
  readonly naa?: number;
  readonly blockSize?: number;
  readonly readOnly?: boolean;
  readonly options?: DeviceOptions;
  readonly remap?: DeviceHandler["extendedCopyRemap"];
}

/** A disk in memory that answers at once, unless it is told to hold commands. */
export class Disk {
  readonly blockSize: number;
  naa: number;
  readonly medium: Uint8Array;
  hold = false;
  readonly held: { name: string; go: () => void }[] = [];
  readonly seen: string[] = [];
  fails: (name: string) => Outcome | undefined = () => undefined;

  constructor(naa: number, blockSize: number) {
    this.naa = naa;
    this.blockSize = blockSize;
    this.medium = new Uint8Array(BLOCKS * blockSize);
  }

  exec(command: ScsiCommand): Outcome | Promise<Outcome> {
    const opcode = command.cdb[0] as number;
    if (opcode === 0x12) return command.reply(deviceIdentification(this.naa));
    if (opcode !== 0x88 && opcode !== 0x8a) return good;
    const name = `${opcode === 0x88 ? "READ" : "WRITE"} ${command.lba}`;
    this.seen.push(name);
    if (!this.hold) return this.#run(name, command);
    return new Promise((resolve) => {
      this.held.push({ name, go: () => resolve(this.#run(name, command)) });
    });
  }

  #run(name: string, { cdb, lba, dataLength, buffer }: ScsiCommand): Outcome {
    const failure = this.fails(name);
    if (failure !== undefined) return failure;
    const at = lba * this.blockSize;
    if (at + dataLength > this.medium.length) return checkCondition(SENSE.LBA_OUT_OF_RANGE);
    if (cdb[0] === 0x88) buffer.set(this.medium.subarray(at, at + dataLength));
    else this.medium.set(buffer.subarray(0, dataLength), at);
    return good;
  }
}

function designator(naa: number): Uint8Array {
  return Uint8Array.of(0x60, 1, 0x40, 0x50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, naa);
}

export function deviceIdentification(naa: number): Uint8Array {
  const head = { codeSet: CODE_SET.BINARY, designatorType: DESIGNATOR_TYPE.NAA };
  const parts = [
    // A target port's name is nobody's to copy from.
    encodeDesignation({ ...head, association: ASSOCIATION.TARGET_PORT }, designator(99)),
    encodeDesignation({ ...head, association: ASSOCIATION.LOGICAL_UNIT }, designator(naa)),
  ];
  const designations = concat(parts);
  const pageLength = designations.length;
  return concat([VpdPageHeader.encode({ pageCode: 0x83, pageLength }), designations]);
}

/** The disks as LUNs 0, 1, …; their NAA designators end in 1, 2, … unless said. */
export async function openDisks(...wanted: DiskOptions[]) {
  const clock = new FakeClock();
  const core = createCore({ clock });
  const target = new LocalTarget(core, "target");
  const disks: Disk[] = [];
  const devices: RegisteredDevice[] = [];
  for (const [lun, each] of wanted.entries()) {
    const { naa = lun + 1, blockSize = 512, readOnly = false, options = {}, remap } = each;
    const disk = new Disk(naa, blockSize);
    disks.push(disk);
    const exec = (command: ScsiCommand) => disk.exec(command);
    const own = remap === undefined ? {} : { extendedCopyRemap: remap };
    const handler = { type: DEVICE_TYPE.DISK, blockSize, options, exec, ...own };
    devices.push(await registerDevice(loopbackChannel(core), `disk${lun}`, handler));
    target.addLun(lun, `disk${lun}`, { readOnly });
  }
  const connect = async (name: string) => {
    const initiator = target.connect(name);
    for (let lun = 0; lun < wanted.length; lun++) {
      await initiator.execute({ cdb: [0, 0, 0, 0, 0, 0], lun });
    }
    return initiator;
  };
  const close = async () => {
    for (const disk of disks) for (const { go } of disk.held.splice(0)) go();
    for (const device of devices) await device.close();
  };
  return { clock, core, target, disks, connect, a: await connect("a"), close };
}

export interface SegmentValues {
  readonly from?: number;
  readonly to?: number;
  readonly blocks: number;
  readonly source: number;
  readonly destination: number;
  readonly dc?: boolean;
}

export interface ListValues {
  readonly id?: number;
  readonly usage?: number;
  /** NAA designators' last byte. */
  readonly cscds?: readonly number[];
  readonly blockLength?: number;
  readonly segments?: readonly SegmentValues[];
}

export function cscd(naa: number, diskBlockLength = 512): Uint8Array {
  const bytes = IdentificationCscdDescriptor.encode({
    descriptorTypeCode: COPY_DESCRIPTOR_TYPE.IDENTIFICATION,
    codeSet: CODE_SET.BINARY,
    designatorType: DESIGNATOR_TYPE.NAA,
    designatorLength: 16,
    diskBlockLength,
  });
  bytes.set(designator(naa), 8);
  return bytes;
}

export function segment({
  from = 0,
  to = 0,
  blocks,
  source,
  destination,
  dc = false,
}: SegmentValues) {
  return BlockToBlockSegmentDescriptor.encode({
    descriptorTypeCode: COPY_DESCRIPTOR_TYPE.BLOCK_TO_BLOCK,
    dc,
    descriptorLength: 24,
    sourceCscdDescriptorId: from,
    destinationCscdDescriptorId: to,
    blockDeviceNumberOfBlocks: blocks,
    sourceLogicalBlockAddress: source,
    destinationLogicalBlockAddress: destination,
  });
}

export const SOME: SegmentValues = { blocks: 8, source: 0, destination: 100 };

export function listOf(values: ListValues): Uint8Array {
  const { id = 1, usage = LIST_ID_USAGE.HOLD, cscds = [1], segments = [SOME] } = values;
  const targets = cscds.map((naa) => cscd(naa, values.blockLength));
  const head = ExtendedCopyParameterList.encode({
    listIdentifier: id,
    listIdUsage: usage,
    cscdDescriptorListLength: targets.length * 32,
    segmentDescriptorListLength: segments.length * 28,
  });
  return concat([head, ...targets, ...segments.map(segment)]);
}

export function copyOf(dataOut: Uint8Array, lun = 0) {
  const cdb = Array.from({ length: 16 }, () => 0);
  cdb[0] = 0x83;
  cdb[12] = dataOut.length >> 8;
  cdb[13] = dataOut.length & 0xff;
  return dataOut.length === 0 ? { cdb, lun } : { cdb, lun, dataOut };
}

export const copy = (values: ListValues, lun = 0) => copyOf(listOf(values), lun);

export const STATUS_OF = 0;
export const DATA_OF = 1;
export const PARAMETERS = 3;
export const DETAILS = 4;

export function ask(initiator: LocalInitiator, serviceAction: number, id = 1, room = 1024) {
  const cdb = [0x84, serviceAction, id, 0, 0, 0, 0, 0, 0, 0, 0, 0, room >> 8, room & 0xff, 0, 0];
  return initiator.execute({ cdb, dataInLength: room });
}

/** `"GOOD"`, the sense, or the number of another status. */
export function outcomeOf({ status, sense }: LocalResponse): string {
  if (status === STATUS.GOOD) return "GOOD";
  return status === STATUS.CHECK_CONDITION ? senseText(sense) : `status ${status.toString(16)}`;
}

/** Bytes that tell every block from every other. */
export function pattern(disk: Disk): void {
  for (let i = 0; i < disk.medium.length; i++) disk.medium[i] = (i * 7 + (i >> 9)) & 0xff;
}

export const blocksOf = (disk: Disk, lba: number, count: number) =>
  disk.medium.slice(lba * disk.blockSize, (lba + count) * disk.blockSize);

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
