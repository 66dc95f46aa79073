import {
  ControlDataProtectionModePage,
  ControlExtensionModePage,
  ControlModePage,
  DataCompressionModePage,
  DeviceConfigurationExtensionModePage,
  DeviceConfigurationModePage,
  DisconnectReconnectModePage,
  InformationalExceptionsControlModePage,
  MediumConfigurationModePage,
  MediumPartitionModePage,
  MODE_PAGE,
  ModePageHeader,
  ModeSubpageHeader,
  PAGE_CONTROL,
  PowerConditionModePage,
  ReadWriteErrorRecoveryModePage,
  TAPE_MODE_PAGE,
} from "../../../protocol/scsi/index.ts";
import { PROTECTION_BYTES, PROTECTION_METHOD } from "./block-protection.ts";
import { requestedPartitions } from "./partitioning.ts";
import type { ModeParameters, TapeUnit } from "./tape-unit.ts";

/** PC: `PAGE_CONTROL.CURRENT`, `CHANGEABLE` or `DEFAULT`. */
export type Values = Exclude<
  (typeof PAGE_CONTROL)[keyof typeof PAGE_CONTROL],
  typeof PAGE_CONTROL.SAVED
>;

export interface TapeModePage {
  readonly code: number;
  readonly subpage: number;
  /** The whole page, with its head. */
  encode(unit: TapeUnit, values: Values): Uint8Array;
  /** Sets in `mode` what a page says; undefined where nothing can be changed. False: it can't be. */
  readonly apply?: (unit: TapeUnit, page: Uint8Array, mode: ModeParameters) => boolean;
}

/** By ascending code and subpage, as MODE SENSE returns them. */
export const MODE_PAGES: readonly TapeModePage[] = [
  fixed(MODE_PAGE.READ_WRITE_ERROR_RECOVERY, (headOf) =>
    ReadWriteErrorRecoveryModePage.encode(headOf(12)),
  ),
  fixed(MODE_PAGE.DISCONNECT_RECONNECT, (headOf) => DisconnectReconnectModePage.encode(headOf(16))),
  fixed(MODE_PAGE.CONTROL, (headOf) => ControlModePage.encode({ ...headOf(12), gltsd: true })),
  {
    code: MODE_PAGE.CONTROL,
    subpage: 0x01,
    encode: (_unit, values) =>
      ControlExtensionModePage.encode({
        ...subpage(MODE_PAGE.CONTROL, 0x01, 32),
        maximumSenseDataLength: values === PAGE_CONTROL.CHANGEABLE ? 0 : 252,
      }),
  },
  { code: MODE_PAGE.CONTROL, subpage: 0xf0, encode: protection, apply: applyProtection },
  {
    code: MODE_PAGE.DATA_COMPRESSION,
    subpage: 0,
    encode: compression,
    apply: (_unit, page, mode) => {
      const { dce, dde } = DataCompressionModePage.view(page);
      mode.compression = dce;
      mode.decompression = dde;
      return true;
    },
  },
  { code: MODE_PAGE.DEVICE_CONFIGURATION, subpage: 0, encode: device, apply: applyDevice },
  {
    code: MODE_PAGE.DEVICE_CONFIGURATION,
    subpage: 0x01,
    encode: deviceExtension,
    apply: (_unit, page, mode) => {
      const { writeMode, pews } = DeviceConfigurationExtensionModePage.view(page);
      mode.appendOnly = writeMode === 1;
      mode.pews = pews;
      return writeMode <= 1;
    },
  },
  {
    code: TAPE_MODE_PAGE.MEDIUM_PARTITION,
    subpage: 0,
    encode: partition,
    apply: (unit, page, mode) => {
      const request = requestedPartitions(page, unit.density.partitionsMax);
      if (request !== undefined) mode.partitioning = request;
      return request !== undefined;
    },
  },
  fixed(MODE_PAGE.POWER_CONDITION, (headOf) => PowerConditionModePage.encode(headOf(40))),
  fixed(MODE_PAGE.INFORMATIONAL_EXCEPTIONS_CONTROL, (headOf) =>
    // TapeAlert flags are polled for in the log page: exceptions are not reported with commands.
    InformationalExceptionsControlModePage.encode({ ...headOf(12), dexcpt: true }),
  ),
  {
    code: MODE_PAGE.MEDIUM_CONFIGURATION,
    subpage: 0,
    encode: (unit, values) => {
      const worm = unit.isWorm && values !== PAGE_CONTROL.CHANGEABLE;
      return MediumConfigurationModePage.encode({
        ...head(MODE_PAGE.MEDIUM_CONFIGURATION, 32),
        wormm: worm,
        // Labels may not be written over, filemarks before the end of data may.
        wormModeLabelRestrictions: 0,
        wormModeFilemarkRestrictions: worm ? 2 : 0,
      });
    },
  },
];

type Head = ReturnType<typeof head>;

function head(pageCode: number, size: number) {
  return { pageCode, pageLength: size - ModePageHeader.size };
}

function subpage(pageCode: number, subpageCode: number, size: number) {
  return { spf: true, pageCode, subpageCode, pageLength: size - ModeSubpageHeader.size };
}

/** A page of which nothing can be changed. */
function fixed(code: number, encode: (headOf: (size: number) => Head) => Uint8Array): TapeModePage {
  return {
    code,
    subpage: 0,
    encode: (_unit, values) => {
      const page = encode((size) => head(code, size));
      if (values === PAGE_CONTROL.CHANGEABLE) page.fill(0, ModePageHeader.size);
      return page;
    },
  };
}

function of(unit: TapeUnit, values: Values): ModeParameters {
  return values === PAGE_CONTROL.DEFAULT ? unit.modeDefaults : unit.mode;
}

/** LTO's compression algorithm: SLDC. It is what hosts expect to see. */
const SLDC = 1;

function compression(unit: TapeUnit, values: Values): Uint8Array {
  const whole = head(MODE_PAGE.DATA_COMPRESSION, DataCompressionModePage.size);
  if (values === PAGE_CONTROL.CHANGEABLE) {
    return DataCompressionModePage.encode({ ...whole, dce: true, dde: true });
  }
  const mode = of(unit, values);
  return DataCompressionModePage.encode({
    ...whole,
    dce: mode.compression,
    dcc: true,
    dde: mode.decompression,
    compressionAlgorithm: SLDC,
    decompressionAlgorithm: SLDC,
  });
}

function device(unit: TapeUnit, values: Values): Uint8Array {
  const whole = head(MODE_PAGE.DEVICE_CONFIGURATION, DeviceConfigurationModePage.size);
  if (values === PAGE_CONTROL.CHANGEABLE) {
    return DeviceConfigurationModePage.encode({
      ...whole,
      selectDataCompressionAlgorithm: 0xff,
      swp: true,
    });
  }
  const mode = of(unit, values);
  return DeviceConfigurationModePage.encode({
    ...whole,
    activePartition: values === PAGE_CONTROL.CURRENT ? unit.partition : 0,
    writeDelayTime: 0x64,
    lois: true,
    robo: true,
    eeg: true,
    sew: true,
    swp: mode.softwareWriteProtect,
    selectDataCompressionAlgorithm: mode.compression ? 1 : 0,
  });
}

function applyDevice(_unit: TapeUnit, page: Uint8Array, mode: ModeParameters): boolean {
  const { selectDataCompressionAlgorithm, swp } = DeviceConfigurationModePage.view(page);
  mode.compression = selectDataCompressionAlgorithm !== 0;
  mode.softwareWriteProtect = swp;
  return selectDataCompressionAlgorithm <= 1;
}

function deviceExtension(unit: TapeUnit, values: Values): Uint8Array {
  const whole = subpage(
    MODE_PAGE.DEVICE_CONFIGURATION,
    0x01,
    DeviceConfigurationExtensionModePage.size,
  );
  if (values === PAGE_CONTROL.CHANGEABLE) {
    return DeviceConfigurationExtensionModePage.encode({ ...whole, writeMode: 0xf, pews: 0xffff });
  }
  const { appendOnly, pews } = of(unit, values);
  return DeviceConfigurationExtensionModePage.encode({
    ...whole,
    writeMode: appendOnly ? 1 : 0,
    // SHORT ERASE MODE 2: an erase writes an end of data.
    shortEraseMode: 2,
    pews,
  });
}

/** Sizes are told, and taken, in units of 10^9 bytes or what a small cartridge needs. */
function partition(unit: TapeUnit, values: Values): Uint8Array {
  const sizes = unit.cartridge?.description.partitions ?? [0];
  const unitsExponent = Math.max(...sizes) >= 0xffff * 1e6 ? 9 : 6;
  const words = values === PAGE_CONTROL.CHANGEABLE ? sizes.map(() => 0xffff) : sizes;
  const page = MediumPartitionModePage.encode(
    {
      ...head(TAPE_MODE_PAGE.MEDIUM_PARTITION, MediumPartitionModePage.size + 2 * sizes.length),
      ...(values === PAGE_CONTROL.CHANGEABLE
        ? { additionalPartitionsDefined: 0xff, fdp: true, sdp: true, idp: true, psum: 3 }
        : {
            maximumAdditionalPartitions: unit.density.partitionsMax - 1,
            additionalPartitionsDefined: sizes.length - 1,
            psum: 3,
            pofm: true,
            mediumFormatRecognition: 3,
            partitionUnits: unitsExponent,
          }),
    },
    MediumPartitionModePage.size + 2 * sizes.length,
  );
  for (const [index, size] of words.entries()) {
    const value =
      values === PAGE_CONTROL.CHANGEABLE ? 0xffff : Math.round(size / 10 ** unitsExponent);
    page[8 + 2 * index] = value >> 8;
    page[9 + 2 * index] = value;
  }
  return page;
}

function protection(unit: TapeUnit, values: Values): Uint8Array {
  const whole = subpage(MODE_PAGE.CONTROL, 0xf0, ControlDataProtectionModePage.size);
  if (values === PAGE_CONTROL.CHANGEABLE) {
    return ControlDataProtectionModePage.encode({
      ...whole,
      lbpMethod: 0xff,
      lbpInformationLength: 0x3f,
      lbpW: true,
      lbpR: true,
    });
  }
  const mode = of(unit, values);
  return ControlDataProtectionModePage.encode({
    ...whole,
    lbpMethod: mode.protectionMethod,
    lbpInformationLength: mode.protectionMethod === PROTECTION_METHOD.NONE ? 0 : PROTECTION_BYTES,
    lbpW: mode.protectWrites,
    lbpR: mode.protectReads,
  });
}

function applyProtection(unit: TapeUnit, page: Uint8Array, mode: ModeParameters): boolean {
  const { lbpMethod, lbpInformationLength, lbpW, lbpR } = ControlDataProtectionModePage.view(page);
  const off = lbpMethod === PROTECTION_METHOD.NONE;
  if (!off && !unit.personality.logicalBlockProtection) return false;
  if (lbpMethod > PROTECTION_METHOD.CRC32C) return false;
  if (!off && lbpInformationLength !== PROTECTION_BYTES) return false;
  mode.protectionMethod = lbpMethod;
  mode.protectWrites = lbpW && !off;
  mode.protectReads = lbpR && !off;
  return true;
}
