/** Parameter data of SSC-5. */
import { ascii, bits, byte, flag, octets, uint, wire } from "../../layout/index.ts";

/** READ BLOCK LIMITS data; with MLOI the other form. */
export const BlockLimitsData = wire("READ BLOCK LIMITS data", {
  granularity: bits(0, 4, 0),
  maximumBlockLengthLimit: uint(1, 3),
  minimumBlockLengthLimit: uint(4, 5),
});

export const MaximumLogicalObjectIdentifierData = wire(
  "READ BLOCK LIMITS maximum logical object identifier data",
  { maximumLogicalObjectIdentifier: uint(12, 19) },
  20,
);

/** SERVICE ACTION of READ POSITION. */
export const READ_POSITION = {
  SHORT_BLOCK_ID: 0x00,
  SHORT_VENDOR_SPECIFIC: 0x01,
  LONG: 0x06,
  EXTENDED: 0x08,
} as const;

const position = {
  bop: flag(0, 7),
  eop: flag(0, 6),
  locu: flag(0, 5),
  bycu: flag(0, 4),
  lolu: flag(0, 2),
  perr: flag(0, 1),
  bpew: flag(0, 0),
};

export const ShortPositionData = wire("READ POSITION data, short form", {
  ...position,
  partitionNumber: byte(1),
  firstLogicalObjectLocation: uint(4, 7),
  lastLogicalObjectLocation: uint(8, 11),
  numberOfLogicalObjectsInObjectBuffer: uint(13, 15),
  numberOfBytesInObjectBuffer: uint(16, 19),
});

export const LongPositionData = wire("READ POSITION data, long form", {
  bop: flag(0, 7),
  eop: flag(0, 6),
  mpu: flag(0, 3),
  lonu: flag(0, 2),
  bpew: flag(0, 0),
  partitionNumber: uint(4, 7),
  logicalObjectNumber: uint(8, 15),
  logicalFileIdentifier: uint(16, 23),
  logicalSetIdentifier: uint(24, 31),
});

export const ExtendedPositionData = wire("READ POSITION data, extended form", {
  ...position,
  partitionNumber: byte(1),
  additionalLength: uint(2, 3),
  numberOfLogicalObjectsInObjectBuffer: uint(5, 7),
  firstLogicalObjectLocation: uint(8, 15),
  lastLogicalObjectLocation: uint(16, 23),
  numberOfBytesInObjectBuffer: uint(24, 31),
});

/** The head of REPORT DENSITY SUPPORT data; the length counts what follows it. */
export const DensitySupportHeader = wire(
  "REPORT DENSITY SUPPORT header",
  { availableDensitySupportLength: uint(0, 1) },
  4,
);

export const DensityDescriptor = wire("density support data block descriptor", {
  primaryDensityCode: byte(0),
  secondaryDensityCode: byte(1),
  wrtok: flag(2, 7),
  dup: flag(2, 6),
  deflt: flag(2, 5),
  dlv: flag(2, 0),
  bitsPerMm: uint(5, 7),
  mediaWidth: uint(8, 9),
  tracks: uint(10, 11),
  /** In units of 10^6 bytes. */
  capacity: uint(12, 15),
  assigningOrganization: ascii(16, 23),
  densityName: ascii(24, 31),
  description: ascii(32, 51),
});

export const MediumTypeDescriptor = wire("medium type descriptor", {
  mediumType: byte(0),
  descriptorLength: uint(2, 3),
  numberOfDensityCodes: byte(4),
  primaryDensityCodes: octets(5, 13),
  mediaWidth: uint(14, 15),
  mediumLength: uint(16, 17),
  assigningOrganization: ascii(20, 27),
  mediumTypeName: ascii(28, 35),
  description: ascii(36, 55),
});

/** DEVICE-SPECIFIC PARAMETER of sequential access devices. */
export const TapeDeviceSpecificParameter = wire("DEVICE-SPECIFIC PARAMETER", {
  wp: flag(0, 7),
  bufferedMode: bits(0, 6, 4),
  speed: bits(0, 3, 0),
});

const head = { ps: flag(0, 7), spf: flag(0, 6), pageCode: bits(0, 5, 0), pageLength: byte(1) };
const subpageHead = {
  ps: flag(0, 7),
  spf: flag(0, 6),
  pageCode: bits(0, 5, 0),
  subpageCode: byte(1),
  pageLength: uint(2, 3),
};

export const DataCompressionModePage = wire(
  "Data Compression mode page",
  {
    ...head,
    dce: flag(2, 7),
    dcc: flag(2, 6),
    dde: flag(3, 7),
    red: bits(3, 6, 5),
    compressionAlgorithm: uint(4, 7),
    decompressionAlgorithm: uint(8, 11),
  },
  16,
);

export const DeviceConfigurationModePage = wire("Device Configuration mode page", {
  ...head,
  caf: flag(2, 5),
  activeFormat: bits(2, 4, 0),
  activePartition: byte(3),
  writeObjectBufferFullRatio: byte(4),
  readObjectBufferEmptyRatio: byte(5),
  writeDelayTime: uint(6, 7),
  objr: flag(8, 7),
  lois: flag(8, 6),
  rsmk: flag(8, 5),
  avc: flag(8, 4),
  socf: bits(8, 3, 2),
  robo: flag(8, 1),
  rew: flag(8, 0),
  gapSize: byte(9),
  eodDefined: bits(10, 7, 5),
  eeg: flag(10, 4),
  sew: flag(10, 3),
  swp: flag(10, 2),
  baml: flag(10, 1),
  bam: flag(10, 0),
  objectBufferSizeAtEarlyWarning: uint(11, 13),
  selectDataCompressionAlgorithm: byte(14),
  wtre: bits(15, 7, 6),
  oir: flag(15, 5),
  rewindOnReset: bits(15, 4, 3),
  asocwp: flag(15, 2),
  perswp: flag(15, 1),
  prmwp: flag(15, 0),
});

export const DeviceConfigurationExtensionModePage = wire(
  "Device Configuration Extension mode page",
  {
    ...subpageHead,
    tarpf: flag(4, 3),
    taser: flag(4, 2),
    tarpc: flag(4, 1),
    tapls: flag(4, 0),
    writeMode: bits(5, 7, 4),
    shortEraseMode: bits(5, 3, 0),
    /** Programmable early warning size, in units of 10^6 bytes. */
    pews: uint(6, 7),
    vcelbre: flag(8, 0),
  },
  32,
);

/** Partition size descriptors of two bytes follow. */
export const MediumPartitionModePage = wire(
  "Medium Partition mode page",
  {
    ...head,
    maximumAdditionalPartitions: byte(2),
    additionalPartitionsDefined: byte(3),
    fdp: flag(4, 7),
    sdp: flag(4, 6),
    idp: flag(4, 5),
    psum: bits(4, 4, 3),
    pofm: flag(4, 2),
    clear: flag(4, 1),
    addp: flag(4, 0),
    mediumFormatRecognition: byte(5),
    partitioningType: bits(6, 7, 4),
    partitionUnits: bits(6, 3, 0),
  },
  8,
);

export const MediumConfigurationModePage = wire(
  "Medium Configuration mode page",
  {
    ...head,
    wormm: flag(2, 0),
    wormModeLabelRestrictions: byte(4),
    wormModeFilemarkRestrictions: byte(5),
  },
  32,
);

/** Logical block protection (SSC-5, "Control Data Protection mode page"). */
export const ControlDataProtectionModePage = wire(
  "Control Data Protection mode page",
  {
    ...subpageHead,
    lbpMethod: byte(4),
    lbpInformationLength: bits(5, 5, 0),
    lbpW: flag(6, 7),
    lbpR: flag(6, 6),
    rbdp: flag(6, 5),
  },
  32,
);

/** The head of a MAM attribute; the value follows (SPC-5, "MAM attribute format"). */
export const AttributeHeader = wire("MAM attribute", {
  attributeIdentifier: uint(0, 1),
  readOnly: flag(2, 7),
  format: bits(2, 1, 0),
  attributeLength: uint(3, 4),
});

export const ATTRIBUTE_FORMAT = { BINARY: 0, ASCII: 1, TEXT: 2 } as const;

/** SERVICE ACTION of READ ATTRIBUTE. */
export const READ_ATTRIBUTE = {
  ATTRIBUTE_VALUES: 0,
  ATTRIBUTE_LIST: 1,
  LOGICAL_VOLUME_LIST: 2,
  PARTITION_LIST: 3,
  SUPPORTED_ATTRIBUTES: 5,
} as const;

/** PAGE CODE of mode, VPD and log pages that sequential access devices add. */
export const TAPE_MODE_PAGE = { MEDIUM_PARTITION: 0x11 } as const;
export const TAPE_VPD_PAGE = {
  SEQUENTIAL_ACCESS_CAPABILITIES: 0xb0,
  MANUFACTURER_ASSIGNED_SERIAL_NUMBER: 0xb1,
  TAPE_ALERT_SUPPORTED_FLAGS: 0xb2,
  LOGICAL_BLOCK_PROTECTION: 0xb5,
} as const;
export const TAPE_LOG_PAGE = {
  SEQUENTIAL_ACCESS: 0x0c,
  DT_DEVICE_STATUS: 0x11,
  TAPE_ALERT_RESPONSE: 0x12,
  TAPE_DIAGNOSTICS: 0x14,
  VOLUME_STATISTICS: 0x17,
  DATA_COMPRESSION: 0x1b,
  TAPE_ALERT: 0x2e,
  TAPE_USAGE: 0x30,
  TAPE_CAPACITY: 0x31,
  DATA_COMPRESSION_VENDOR: 0x32,
  PERFORMANCE: 0x37,
} as const;
