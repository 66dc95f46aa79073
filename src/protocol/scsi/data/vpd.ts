/** Vital product data pages (SPC-5 and SBC-4, "Vital product data parameters"). */
import { bits, byte, flag, uint, wire } from "../../layout/index.ts";
import { uintFrom } from "../cdbs/field.ts";

/** PAGE CODE of VPD pages. */
export const VPD_PAGE = {
  SUPPORTED_VPD_PAGES: 0x00,
  UNIT_SERIAL_NUMBER: 0x80,
  DEVICE_IDENTIFICATION: 0x83,
  EXTENDED_INQUIRY_DATA: 0x86,
  MODE_PAGE_POLICY: 0x87,
  SCSI_PORTS: 0x88,
  POWER_CONDITION: 0x8a,
  THIRD_PARTY_COPY: 0x8f,
  BLOCK_LIMITS: 0xb0,
  BLOCK_DEVICE_CHARACTERISTICS: 0xb1,
  LOGICAL_BLOCK_PROVISIONING: 0xb2,
  BLOCK_LIMITS_EXTENSION: 0xb7,
} as const;

const head = {
  peripheralQualifier: bits(0, 7, 5),
  peripheralDeviceType: bits(0, 4, 0),
  pageCode: byte(1),
  pageLength: uint(2, 3),
};

/** What every VPD page begins with; PAGE LENGTH counts the bytes after it. */
export const VpdPageHeader = wire("VPD page header", head);

export const ExtendedInquiryDataVpdPage = wire(
  "Extended INQUIRY Data VPD page",
  {
    ...head,
    activateMicrocode: bits(4, 7, 6),
    spt: bits(4, 5, 3),
    grdChk: flag(4, 2),
    appChk: flag(4, 1),
    refChk: flag(4, 0),
    uaskSup: flag(5, 5),
    groupSup: flag(5, 4),
    priorSup: flag(5, 3),
    headsup: flag(5, 2),
    ordsup: flag(5, 1),
    simpsup: flag(5, 0),
    wuSup: flag(6, 3),
    crdSup: flag(6, 2),
    nvSup: flag(6, 1),
    vSup: flag(6, 0),
    pISup: flag(7, 4),
    luiclr: flag(7, 0),
    rSup: flag(8, 4),
    cbcs: flag(8, 0),
    multiITNexusMicrocodeDownload: bits(9, 3, 0),
    extendedSelfTestCompletionMinutes: uint(10, 11),
    poaSup: flag(12, 7),
    hraSup: flag(12, 6),
    vsaSup: flag(12, 5),
    maximumSupportedSenseDataLength: byte(13),
  },
  64,
);

/** SBC-4, "Block Limits VPD page". */
export const BlockLimitsVpdPage = wire(
  "Block Limits VPD page",
  {
    ...head,
    wsnz: flag(4, 0),
    maximumCompareAndWriteLength: byte(5),
    optimalTransferLengthGranularity: uint(6, 7),
    maximumTransferLength: uint(8, 11),
    optimalTransferLength: uint(12, 15),
    maximumPrefetchLength: uint(16, 19),
    maximumUnmapLbaCount: uint(20, 23),
    maximumUnmapBlockDescriptorCount: uint(24, 27),
    optimalUnmapGranularity: uint(28, 31),
    ugavalid: flag(32, 7),
    unmapGranularityAlignment: uintFrom(32, 6, 35),
    maximumWriteSameLength: uint(36, 43),
    maximumAtomicTransferLength: uint(44, 47),
    atomicAlignment: uint(48, 51),
    atomicTransferLengthGranularity: uint(52, 55),
    maximumAtomicTransferLengthWithAtomicBoundary: uint(56, 59),
    maximumAtomicBoundarySize: uint(60, 63),
  },
  64,
);

/** SBC-4, "Block Device Characteristics VPD page". */
export const BlockDeviceCharacteristicsVpdPage = wire(
  "Block Device Characteristics VPD page",
  {
    ...head,
    mediumRotationRate: uint(4, 5),
    productType: byte(6),
    wabereq: bits(7, 7, 6),
    wacereq: bits(7, 5, 4),
    nominalFormFactor: bits(7, 3, 0),
    zoned: bits(8, 5, 4),
    rbwz: flag(8, 3),
    bocs: flag(8, 2),
    fuab: flag(8, 1),
    vbuls: flag(8, 0),
    depopulationTime: uint(12, 15),
  },
  64,
);

/** MEDIUM ROTATION RATE: 0 says nothing, from 401h it is revolutions a minute. */
export const ROTATION_RATE_NON_ROTATING = 1;

/** SBC-4, "Logical Block Provisioning VPD page", without a provisioning group descriptor. */
export const LogicalBlockProvisioningVpdPage = wire("Logical Block Provisioning VPD page", {
  ...head,
  thresholdExponent: byte(4),
  lbpu: flag(5, 7),
  lbpws: flag(5, 6),
  lbpws10: flag(5, 5),
  lbprz: bits(5, 4, 2),
  ancSup: flag(5, 1),
  dp: flag(5, 0),
  minimumPercentage: bits(6, 7, 3),
  provisioningType: bits(6, 2, 0),
  thresholdPercentage: byte(7),
});

/** PROVISIONING TYPE */
export const PROVISIONING_TYPE = { NOT_REPORTED: 0, RESOURCE: 1, THIN: 2 } as const;

/** The head of a designation descriptor (SPC-5, "Device Identification VPD page"). */
export const DesignationDescriptor = wire("designation descriptor", {
  protocolIdentifier: bits(0, 7, 4),
  codeSet: bits(0, 3, 0),
  piv: flag(1, 7),
  association: bits(1, 5, 4),
  designatorType: bits(1, 3, 0),
  designatorLength: byte(3),
});

/** CODE SET */
export const CODE_SET = { BINARY: 1, ASCII: 2, UTF_8: 3 } as const;

/** ASSOCIATION: whom the designator names. */
export const ASSOCIATION = { LOGICAL_UNIT: 0, TARGET_PORT: 1, TARGET_DEVICE: 2 } as const;

/** DESIGNATOR TYPE */
export const DESIGNATOR_TYPE = {
  VENDOR_SPECIFIC: 0,
  T10_VENDOR_ID: 1,
  EUI_64: 2,
  NAA: 3,
  RELATIVE_TARGET_PORT: 4,
  TARGET_PORT_GROUP: 5,
  LOGICAL_UNIT_GROUP: 6,
  MD5: 7,
  SCSI_NAME_STRING: 8,
  PROTOCOL_SPECIFIC_PORT_IDENTIFIER: 9,
  UUID: 10,
} as const;

/** A whole designation descriptor: its head, then the designator. */
export function encodeDesignation(
  values: Omit<NonNullable<Parameters<typeof DesignationDescriptor.encode>[0]>, "designatorLength">,
  designator: Uint8Array,
): Uint8Array {
  const bytes = DesignationDescriptor.encode(
    { ...values, designatorLength: designator.length },
    DesignationDescriptor.size + designator.length,
  );
  bytes.set(designator, DesignationDescriptor.size);
  return bytes;
}

/** SPC-5, "Mode Page Policy VPD page": one page's policy. */
export const ModePagePolicyDescriptor = wire(
  "mode page policy descriptor",
  {
    policyPageCode: bits(0, 5, 0),
    policySubpageCode: byte(1),
    mlus: flag(2, 7),
    modePagePolicy: bits(2, 1, 0),
  },
  4,
);

/** SPC-5, "SCSI Ports VPD page": the head of a port's descriptor, without an initiator port. */
export const ScsiPortDesignationDescriptor = wire(
  "SCSI port designation descriptor",
  {
    relativePortIdentifier: uint(2, 3),
    initiatorPortTransportIdLength: uint(6, 7),
    targetPortDescriptorsLength: uint(10, 11),
  },
  12,
);

/** SPC-5, "Power Condition VPD page": which conditions there are; times are in milliseconds. */
export const PowerConditionVpdPage = wire(
  "Power Condition VPD page",
  {
    ...head,
    standbyY: flag(4, 1),
    standbyZ: flag(4, 0),
    idleC: flag(5, 2),
    idleB: flag(5, 1),
    idleA: flag(5, 0),
    stoppedConditionRecoveryTime: uint(6, 7),
    standbyZConditionRecoveryTime: uint(8, 9),
    standbyYConditionRecoveryTime: uint(10, 11),
    idleAConditionRecoveryTime: uint(12, 13),
    idleBConditionRecoveryTime: uint(14, 15),
    idleCConditionRecoveryTime: uint(16, 17),
  },
  18,
);

/** SBC-4, "Block Limits Extension VPD page". */
export const BlockLimitsExtensionVpdPage = wire(
  "Block Limits Extension VPD page",
  {
    ...head,
    rscs: flag(5, 0),
    reducedStreamControl: bits(5, 2, 1),
    maximumNumberOfStreams: uint(6, 7),
    optimalStreamWriteSize: uint(8, 9),
    streamGranularitySize: uint(10, 13),
    maximumScatteredLbaRangeTransferLength: uint(16, 19),
    maximumScatteredLbaRangeDescriptorCount: uint(22, 23),
    maximumScatteredTransferLength: uint(24, 27),
  },
  64,
);
