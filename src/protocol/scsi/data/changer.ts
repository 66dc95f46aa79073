/** Parameter data of SMC-3. */
import { ascii, bits, byte, flag, uint, wire } from "../../layout/index.ts";

/** ELEMENT TYPE CODE */
export const ELEMENT_TYPE = {
  /** In CDBs: every type. */
  ALL: 0,
  MEDIUM_TRANSPORT: 1,
  STORAGE: 2,
  IMPORT_EXPORT: 3,
  DATA_TRANSFER: 4,
} as const;
export type ElementType = (typeof ELEMENT_TYPE)[keyof typeof ELEMENT_TYPE];

/** MEDIUM TYPE of an element descriptor. */
export const ELEMENT_MEDIUM_TYPE = { UNSPECIFIED: 0, DATA: 1, CLEANING: 2, WORM: 4 } as const;

/** The head of READ ELEMENT STATUS data; element status pages follow. */
export const ElementStatusHeader = wire("element status data", {
  firstElementAddressReported: uint(0, 1),
  numberOfElementsAvailable: uint(2, 3),
  /** All that there is, however much of it fits. */
  byteCountOfReportAvailable: uint(5, 7),
});

/** The head of REQUEST VOLUME ELEMENT ADDRESS data; element status pages follow. */
export const VolumeElementAddressHeader = wire("volume element address header", {
  firstElementAddressReported: uint(0, 1),
  numberOfElementsAvailable: uint(2, 3),
  sendActionCode: bits(4, 4, 0),
  byteCountOfReportAvailable: uint(5, 7),
});

/** The head of the descriptors of one type. */
export const ElementStatusPage = wire("element status page", {
  elementTypeCode: byte(0),
  pvoltag: flag(1, 7),
  avoltag: flag(1, 6),
  elementDescriptorLength: uint(2, 3),
  byteCountOfDescriptorDataAvailable: uint(5, 7),
});

/** What every element descriptor begins with; flags mean nothing to types that lack them. */
export const ElementDescriptor = wire("element descriptor", {
  elementAddress: uint(0, 1),
  oir: flag(2, 7),
  cmc: flag(2, 6),
  inenab: flag(2, 5),
  exenab: flag(2, 4),
  access: flag(2, 3),
  except: flag(2, 2),
  impexp: flag(2, 1),
  full: flag(2, 0),
  additionalSenseCode: byte(4),
  additionalSenseCodeQualifier: byte(5),
  svalid: flag(9, 7),
  invert: flag(9, 6),
  ed: flag(9, 5),
  mediumType: bits(9, 2, 0),
  sourceStorageElementAddress: uint(10, 11),
});

/** PRIMARY VOLUME TAG INFORMATION (SMC-3, "Volume tag information format"). */
export const VolumeTag = wire(
  "volume tag information",
  { volumeIdentifier: ascii(0, 31), volumeSequenceNumber: uint(34, 35) },
  36,
);

/** What follows the volume tags of every descriptor; the identifier itself comes behind it. */
export const ElementIdentifier = wire("element identifier", {
  codeSet: bits(0, 3, 0),
  identifierType: bits(1, 3, 0),
  identifierLength: byte(3),
});

/** SEND ACTION CODE of SEND VOLUME TAG: those that search. */
export const SEND_ACTION = {
  TRANSLATE_ALL: 0x00,
  TRANSLATE_PRIMARY: 0x01,
  TRANSLATE_ALTERNATE: 0x02,
  TRANSLATE_ALL_ANY_SEQUENCE: 0x04,
  TRANSLATE_PRIMARY_ANY_SEQUENCE: 0x05,
  TRANSLATE_ALTERNATE_ANY_SEQUENCE: 0x06,
} as const;

/** The parameter list of SEND VOLUME TAG. */
export const SendVolumeTagParameters = wire(
  "SEND VOLUME TAG parameter list",
  {
    /** `*` stands for any characters, `?` for one. */
    volumeIdentificationTemplate: ascii(0, 31),
    minimumVolumeSequenceNumber: uint(34, 35),
    maximumVolumeSequenceNumber: uint(38, 39),
  },
  40,
);

/** ACTION CODE of OPEN/CLOSE IMPORT/EXPORT ELEMENT. */
export const IMPORT_EXPORT_ACTION = { OPEN: 0, CLOSE: 1 } as const;

/** PAGE CODE of mode pages that medium changers have. */
export const CHANGER_MODE_PAGE = {
  ELEMENT_ADDRESS_ASSIGNMENT: 0x1d,
  TRANSPORT_GEOMETRY: 0x1e,
  DEVICE_CAPABILITIES: 0x1f,
} as const;

const head = { ps: flag(0, 7), spf: flag(0, 6), pageCode: bits(0, 5, 0), pageLength: byte(1) };

export const ElementAddressAssignmentModePage = wire(
  "Element Address Assignment mode page",
  {
    ...head,
    firstMediumTransportElementAddress: uint(2, 3),
    numberOfMediumTransportElements: uint(4, 5),
    firstStorageElementAddress: uint(6, 7),
    numberOfStorageElements: uint(8, 9),
    firstImportExportElementAddress: uint(10, 11),
    numberOfImportExportElements: uint(12, 13),
    firstDataTransferElementAddress: uint(14, 15),
    numberOfDataTransferElements: uint(16, 17),
  },
  20,
);

/** With one transport geometry descriptor: one picker. */
export const TransportGeometryParametersModePage = wire(
  "Transport Geometry Parameters mode page",
  { ...head, rotate: flag(2, 0), memberNumberInTransportElementSet: byte(3) },
  4,
);

/** Each nibble: data transfer, import/export, storage, medium transport, from bit 3 on. */
export const DeviceCapabilitiesModePage = wire(
  "Device Capabilities mode page",
  {
    ...head,
    storDt: flag(2, 3),
    storIe: flag(2, 2),
    storSt: flag(2, 1),
    storMt: flag(2, 0),
    moveFromMt: bits(4, 3, 0),
    moveFromSt: bits(5, 3, 0),
    moveFromIe: bits(6, 3, 0),
    moveFromDt: bits(7, 3, 0),
    exchangeMt: bits(12, 3, 0),
    exchangeSt: bits(13, 3, 0),
    exchangeIe: bits(14, 3, 0),
    exchangeDt: bits(15, 3, 0),
  },
  20,
);
