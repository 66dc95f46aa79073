/**
 * EXTENDED COPY(LID1) and RECEIVE COPY RESULTS: parameter list and parameter data (SPC-4,
 * "EXTENDED COPY(LID1) parameter list" and "RECEIVE COPY … command").
 */
import { bits, byte, flag, octets, uint, wire } from "../../layout/index.ts";

/** The head of the parameter list; CSCD descriptors, segment descriptors and inline data follow. */
export const ExtendedCopyParameterList = wire(
  "EXTENDED COPY(LID1) parameter list",
  {
    listIdentifier: byte(0),
    str: flag(1, 5),
    listIdUsage: bits(1, 4, 3),
    priority: bits(1, 2, 0),
    cscdDescriptorListLength: uint(2, 3),
    segmentDescriptorListLength: uint(8, 11),
    inlineDataLength: uint(12, 15),
  },
  16,
);

/** LIST ID USAGE */
export const LIST_ID_USAGE = {
  /** The copy manager holds the results for RECEIVE COPY RESULTS. */
  HOLD: 0,
  /** There is a list identifier, but the results need not be held. */
  DISCARD: 2,
  /** There is no list identifier: the field is zero. */
  NONE: 3,
} as const;

/** DESCRIPTOR TYPE CODE of the CSCD and segment descriptors that are declared here. */
export const COPY_DESCRIPTOR_TYPE = { BLOCK_TO_BLOCK: 0x02, IDENTIFICATION: 0xe4 } as const;

/**
 * SPC-4, "Identification Descriptor CSCD descriptor format", with the parameters of block devices
 * ("Device type specific CSCD descriptor parameters for block device types").
 */
export const IdentificationCscdDescriptor = wire("Identification Descriptor CSCD descriptor", {
  descriptorTypeCode: byte(0),
  luIdType: bits(1, 7, 6),
  /** Obsolete since SPC-4: the null device is meant. */
  nul: flag(1, 5),
  peripheralDeviceType: bits(1, 4, 0),
  relativeInitiatorPortIdentifier: uint(2, 3),
  codeSet: bits(4, 3, 0),
  association: bits(5, 5, 4),
  designatorType: bits(5, 3, 0),
  designatorLength: byte(7),
  designator: octets(8, 27),
  pad: flag(28, 2),
  diskBlockLength: uint(29, 31),
});

/** What every segment descriptor begins with; DESCRIPTOR LENGTH counts the bytes after it. */
export const SegmentDescriptorHeader = wire("segment descriptor header", {
  descriptorTypeCode: byte(0),
  dc: flag(1, 1),
  cat: flag(1, 0),
  descriptorLength: uint(2, 3),
});

/** SPC-4, "Block device to block device operations": type 02h. */
export const BlockToBlockSegmentDescriptor = wire("block to block segment descriptor", {
  descriptorTypeCode: byte(0),
  dc: flag(1, 1),
  cat: flag(1, 0),
  descriptorLength: uint(2, 3),
  sourceCscdDescriptorId: uint(4, 5),
  destinationCscdDescriptorId: uint(6, 7),
  blockDeviceNumberOfBlocks: uint(10, 11),
  sourceLogicalBlockAddress: uint(12, 19),
  destinationLogicalBlockAddress: uint(20, 27),
});

/** RECEIVE COPY STATUS(LID1). */
export const CopyStatusData = wire("COPY STATUS parameter data", {
  availableData: uint(0, 3),
  hdd: flag(4, 7),
  copyCommandStatus: bits(4, 6, 0),
  segmentsProcessed: uint(5, 6),
  transferCountUnits: byte(7),
  transferCount: uint(8, 11),
});

/** COPY COMMAND STATUS */
export const COPY_COMMAND_STATUS = {
  IN_PROGRESS: 0,
  COMPLETED: 1,
  COMPLETED_WITH_ERRORS: 2,
} as const;

/** TRANSFER COUNT UNITS: KiB. */
export const TRANSFER_COUNT_UNITS_KIB = 1;

/** RECEIVE COPY DATA(LID1); held data follow. */
export const CopyReceiveDataHeader = wire("RECEIVE DATA parameter data", {
  availableData: uint(0, 3),
});

/** RECEIVE COPY OPERATING PARAMETERS; the implemented descriptor type codes follow. */
export const CopyOperatingParametersData = wire("OPERATING PARAMETERS parameter data", {
  availableData: uint(0, 3),
  snlid: flag(4, 0),
  maximumCscdDescriptorCount: uint(8, 9),
  maximumSegmentDescriptorCount: uint(10, 11),
  maximumDescriptorListLength: uint(12, 15),
  maximumSegmentLength: uint(16, 19),
  maximumInlineDataLength: uint(20, 23),
  heldDataLimit: uint(24, 27),
  maximumStreamDeviceTransferSize: uint(28, 31),
  totalConcurrentCopies: uint(34, 35),
  maximumConcurrentCopies: byte(36),
  dataSegmentGranularity: byte(37),
  inlineDataGranularity: byte(38),
  heldDataGranularity: byte(39),
  implementedDescriptorListLength: byte(43),
});

/** RECEIVE COPY FAILURE DETAILS(LID1); sense data follow. */
export const CopyFailureDetailsData = wire("FAILED SEGMENT DETAILS parameter data", {
  availableData: uint(0, 3),
  extendedCopyCommandStatus: byte(56),
  senseDataLength: uint(58, 59),
});

/** Service actions of RECEIVE COPY RESULTS. */
export const RECEIVE_COPY_RESULTS = {
  COPY_STATUS: 0x00,
  RECEIVE_DATA: 0x01,
  OPERATING_PARAMETERS: 0x03,
  FAILED_SEGMENT_DETAILS: 0x04,
} as const;
