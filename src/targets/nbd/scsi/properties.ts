import {
  BlockDeviceCharacteristicsVpdPage,
  BlockLimitsVpdPage,
  COMMAND_SUPPORT,
  DEVICE_TYPE,
  Inquiry,
  DiskDeviceSpecificParameter,
  LogicalBlockProvisioningVpdPage,
  ModeParameterHeader6,
  ModeSense6,
  OneCommandHeader,
  ReadCapacity10,
  ReadCapacity10Data,
  ReadCapacity16,
  ReadCapacity16Data,
  REPORTING_OPTIONS,
  ReportSupportedOperationCodes,
  StandardInquiry,
  VPD_PAGE,
} from "../../../protocol/index.ts";
import * as cdb from "./cdb.ts";
import type { ScsiClient } from "./client.ts";

/** What an export can do, as its logical unit says. All lengths are bytes. */
export interface ExportProperties {
  readonly size: number;
  /** The logical block: NBD's minimum block size. */
  readonly blockSize: number;
  readonly preferredBlockSize: number;
  /** Vendor, product and revision. */
  readonly description: string;
  readonly writeProtected: boolean;
  readonly rotational: boolean;
  /** FUA of WRITE means something; otherwise a flush has to follow. */
  readonly forceUnitAccess: boolean;
  /** READ(16), or what a device has that is no disk. */
  readonly readOpcode: number;
  readonly synchronizeCacheOpcode: number;
  /** The most that one READ or WRITE moves. */
  readonly transferLengthMax: number;
  /** The most that one UNMAP takes; 0 where there is none. */
  readonly unmapLengthMax: number;
  /** The most that one WRITE SAME(16) writes; 0 where there is none. */
  readonly writeSameLengthMax: number;
  /** WRITE SAME(16) with UNMAP leaves blocks that read as zeros. */
  readonly writeSameUnmaps: boolean;
  /** WRITE SAME(16) with NDOB: no data-out. */
  readonly writeSameWithoutData: boolean;
  readonly prefetches: boolean;
  /** GET LBA STATUS. */
  readonly reportsProvisioning: boolean;
  /** Blocks without storage read as zeros. */
  readonly unmappedIsZero: boolean;
}

/** Buffers up to this length stay in the core's pools. */
const TRANSFER_LENGTH_MAX = 4 * 1024 * 1024;
/** Of one WRITE SAME where the device names no limit. */
const WRITE_SAME_LENGTH_DEFAULT = 32 * 1024 * 1024;
/** NBD's preferred block size where nothing speaks for more. */
const PREFERRED_BLOCK_SIZE_MIN = 4096;
/** proto.md, "Size constraints". */
const BLOCK_SIZE_MAX = 65_536;
/** Block counts of CDBs have four bytes. */
const BLOCKS_MAX = 0xffff_ffff;
/** MEDIUM ROTATION RATE: from here on it is revolutions a minute. */
const ROTATION_RATE_MIN = 0x401;
/** LBPRZ: unmapped blocks read as zeros. */
const LBPRZ_ZEROS = 1;

const TEST_UNIT_READY = new Uint8Array(6);
const ALLOCATION_LENGTH = 252;
/** As much of a VPD page as is looked at. */
const VPD_LENGTH = 64;
const NO_DATA = new Uint8Array(0);
/** Header and CDB USAGE DATA of a CDB of 16 bytes. */
const ONE_COMMAND_LENGTH = 20;

/** Asks a logical unit for all that NBD wants to know; undefined where it has nothing to offer. */
export async function describe(
  client: ScsiClient,
  deviceType: number,
): Promise<ExportProperties | undefined> {
  if ((await client.execute(TEST_UNIT_READY)) === undefined) return undefined;
  const capacity = await capacityOf(client);
  if (capacity === undefined) return undefined;
  const { blocks, blockSize } = capacity;
  if (blockSize > BLOCK_SIZE_MAX || !Number.isInteger(Math.log2(blockSize))) return undefined;
  const limits = BlockLimitsVpdPage.view(await vpd(client, VPD_PAGE.BLOCK_LIMITS));
  const medium = BlockDeviceCharacteristicsVpdPage.view(
    await vpd(client, VPD_PAGE.BLOCK_DEVICE_CHARACTERISTICS),
  );
  const mode = await modeOf(client, deviceType);
  const commands = new Support(client);
  const disk = deviceType !== DEVICE_TYPE.CDROM;
  const lengthOf = (count: number, otherwise: number) =>
    count === 0 ? otherwise : Math.min(count, BLOCKS_MAX) * blockSize;
  const synchronizes16 = (await commands.of(cdb.SYNCHRONIZE_CACHE_16)) !== undefined;
  return {
    size: blocks * blockSize,
    blockSize,
    preferredBlockSize: preferredOf(capacity, limits.optimalTransferLengthGranularity),
    description: await descriptionOf(client),
    writeProtected: mode.wp || !disk,
    rotational: medium.mediumRotationRate >= ROTATION_RATE_MIN,
    forceUnitAccess: mode.dpofua,
    readOpcode: disk ? cdb.READ_16 : cdb.READ_12,
    synchronizeCacheOpcode: synchronizes16 ? cdb.SYNCHRONIZE_CACHE_16 : cdb.SYNCHRONIZE_CACHE_10,
    transferLengthMax: Math.min(
      TRANSFER_LENGTH_MAX,
      lengthOf(limits.maximumTransferLength, TRANSFER_LENGTH_MAX),
    ),
    prefetches: (await commands.of(cdb.PREFETCH_16)) !== undefined,
    ...(await provisioningOf(client, commands, capacity)),
    ...(await writeSameOf(commands, lengthOf(limits.maximumWriteSameLength, 0), capacity)),
    unmapLengthMax:
      (await commands.of(cdb.UNMAP)) === undefined ? 0 : lengthOf(limits.maximumUnmapLbaCount, 0),
  };
}

interface Capacity {
  readonly blocks: number;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  /** Logical block provisioning management is there; unmapped blocks are zeros. */
  readonly lbpme: boolean;
  readonly lbprz: boolean;
}

const SERVICE_ACTION_READ_CAPACITY = 0x10;

async function capacityOf(client: ScsiClient): Promise<Capacity | undefined> {
  const long = await client.execute(
    ReadCapacity16.encode({
      operationCode: cdb.SERVICE_ACTION_IN_16,
      serviceAction: SERVICE_ACTION_READ_CAPACITY,
      allocationLength: ReadCapacity16Data.size,
    }),
    ReadCapacity16Data.size,
  );
  if (long !== undefined && long.length >= 16) {
    const data = ReadCapacity16Data.view(padded(long, ReadCapacity16Data.size));
    const blockSize = data.logicalBlockLength;
    return {
      blocks: data.returnedLogicalBlockAddress + 1,
      blockSize,
      physicalBlockSize: blockSize * 2 ** data.logicalBlocksPerPhysicalBlockExponent,
      lbpme: data.lbpme,
      lbprz: data.lbprz,
    };
  }
  // MMC has the short one only.
  const short = await client.execute(
    ReadCapacity10.encode({ operationCode: 0x25 }),
    ReadCapacity10Data.size,
  );
  if (short === undefined || short.length < ReadCapacity10Data.size) return undefined;
  const data = ReadCapacity10Data.view(short);
  const blockSize = data.logicalBlockLength;
  const blocks = data.returnedLogicalBlockAddress + 1;
  return { blocks, blockSize, physicalBlockSize: blockSize, lbpme: false, lbprz: false };
}

function preferredOf({ blockSize, physicalBlockSize }: Capacity, granularity: number): number {
  const wanted = Math.max(PREFERRED_BLOCK_SIZE_MIN, physicalBlockSize, granularity * blockSize);
  return Math.min(2 ** Math.ceil(Math.log2(wanted)), TRANSFER_LENGTH_MAX);
}

/** A VPD page; all zeros where there is none. */
async function vpd(client: ScsiClient, pageCode: number): Promise<Uint8Array> {
  const allocationLength = ALLOCATION_LENGTH;
  const request = { operationCode: 0x12, evpd: true, pageCode, allocationLength };
  const data = await client.execute(Inquiry.encode(request), ALLOCATION_LENGTH);
  return padded(data?.[1] === pageCode ? data : NO_DATA, VPD_LENGTH);
}

async function descriptionOf(client: ScsiClient): Promise<string> {
  const { size } = StandardInquiry;
  const request = { operationCode: 0x12, allocationLength: size };
  const data = await client.execute(Inquiry.encode(request), size);
  if (data === undefined) return "";
  const inquiry = StandardInquiry.view(padded(data, size));
  const { t10VendorIdentification, productIdentification, productRevisionLevel } = inquiry;
  return [t10VendorIdentification, productIdentification, productRevisionLevel]
    .map((word) => word.replaceAll(/[^ -~]/g, "").trim())
    .filter((word) => word !== "")
    .join(" ");
}

async function modeOf(client: ScsiClient, deviceType: number) {
  // The device-specific parameter is that of SBC.
  if (deviceType !== DEVICE_TYPE.DISK) return { wp: false, dpofua: false };
  const allPages = 0x3f;
  const request = {
    operationCode: 0x1a,
    dbd: true,
    pageCode: allPages,
    allocationLength: ALLOCATION_LENGTH,
  };
  const data = await client.execute(ModeSense6.encode(request), ALLOCATION_LENGTH);
  if (data === undefined || data.length < ModeParameterHeader6.size) {
    return { wp: false, dpofua: false };
  }
  const at = ModeParameterHeader6.offsetOf("deviceSpecificParameter");
  const { wp, dpofua } = DiskDeviceSpecificParameter.view(data, at);
  return { wp, dpofua };
}

async function provisioningOf(client: ScsiClient, commands: Support, capacity: Capacity) {
  const status = await commands.of(cdb.SERVICE_ACTION_IN_16, cdb.GET_LBA_STATUS);
  const page = await vpd(client, VPD_PAGE.LOGICAL_BLOCK_PROVISIONING);
  const { lbprz } = LogicalBlockProvisioningVpdPage.view(page);
  return {
    reportsProvisioning: status !== undefined && capacity.lbpme,
    unmappedIsZero: capacity.lbprz || lbprz === LBPRZ_ZEROS,
  };
}

async function writeSameOf(commands: Support, lengthMax: number, { lbprz }: Capacity) {
  const usage = await commands.of(cdb.WRITE_SAME_16);
  const bits = usage?.[1] ?? 0;
  const unmapBit = 0x08;
  const ndobBit = 0x01;
  return {
    writeSameLengthMax: usage === undefined ? 0 : lengthMax || WRITE_SAME_LENGTH_DEFAULT,
    writeSameUnmaps: (bits & unmapBit) !== 0 && lbprz,
    writeSameWithoutData: (bits & ndobBit) !== 0,
  };
}

/** Which commands a device has: REPORT SUPPORTED OPERATION CODES. */
class Support {
  readonly #client: ScsiClient;

  constructor(client: ScsiClient) {
    this.#client = client;
  }

  /** CDB USAGE DATA of the command; undefined where the device does not say that it has it. */
  async of(opcode: number, serviceAction?: number): Promise<Uint8Array | undefined> {
    const request = ReportSupportedOperationCodes.encode({
      operationCode: 0xa3,
      serviceAction: 0x0c,
      reportingOptions:
        serviceAction === undefined
          ? REPORTING_OPTIONS.ONE
          : REPORTING_OPTIONS.ONE_WITH_SERVICE_ACTION,
      requestedOperationCode: opcode,
      requestedServiceAction: serviceAction ?? 0,
      allocationLength: ONE_COMMAND_LENGTH,
    });
    const data = await this.#client.execute(request, ONE_COMMAND_LENGTH);
    if (data === undefined || data.length < OneCommandHeader.size) return undefined;
    if (OneCommandHeader.view(data).support !== COMMAND_SUPPORT.STANDARD) return undefined;
    return data.subarray(OneCommandHeader.size);
  }
}

/** What a device leaves out is zero. */
function padded(data: Uint8Array, size: number): Uint8Array {
  if (data.length >= size) return data;
  const whole = new Uint8Array(size);
  whole.set(data);
  return whole;
}
