/** Tape data encryption, SECURITY PROTOCOL 20h (SSC-5). */
import { bits, byte, flag, uint, wire } from "../../layout/index.ts";

export const SECURITY_PROTOCOL = { INFORMATION: 0x00, TAPE_DATA_ENCRYPTION: 0x20 } as const;

/** SECURITY PROTOCOL SPECIFIC: the page. */
export const ENCRYPTION_PAGE = {
  IN_SUPPORT: 0x0000,
  OUT_SUPPORT: 0x0001,
  CAPABILITIES: 0x0010,
  SUPPORTED_KEY_FORMATS: 0x0011,
  MANAGEMENT_CAPABILITIES: 0x0012,
  STATUS: 0x0020,
  NEXT_BLOCK_STATUS: 0x0021,
  /** For SECURITY PROTOCOL OUT. */
  SET: 0x0010,
} as const;

const head = { pageCode: uint(0, 1), pageLength: uint(2, 3) };

export const EncryptionPageHeader = wire("tape data encryption page", head);

/** The page with one algorithm descriptor. */
export const EncryptionCapabilitiesPage = wire("Data Encryption Capabilities page", {
  ...head,
  extdecc: bits(4, 3, 2),
  cfgP: bits(4, 1, 0),
  algorithmIndex: byte(20),
  descriptorLength: uint(22, 23),
  avfmv: flag(24, 7),
  sdkC: flag(24, 6),
  macC: flag(24, 5),
  dedC: flag(24, 4),
  decryptC: bits(24, 3, 2),
  encryptC: bits(24, 1, 0),
  avfclp: bits(25, 7, 6),
  nonceC: bits(25, 5, 4),
  kadfC: flag(25, 3),
  vcelbC: flag(25, 2),
  ukadf: flag(25, 1),
  akadf: flag(25, 0),
  maximumUnauthenticatedKeyAssociatedDataBytes: uint(26, 27),
  maximumAuthenticatedKeyAssociatedDataBytes: uint(28, 29),
  keySize: uint(30, 31),
  dkadC: bits(32, 7, 6),
  eemcC: bits(32, 5, 4),
  rdmcC: bits(32, 3, 1),
  earem: flag(32, 0),
  securityAlgorithmCode: uint(40, 43),
});

/** AES-256-GCM with a 128-bit tag (SPC-5, "Security algorithm codes"). */
export const AES_256_GCM_128 = 0x0001_0014;

export const SupportedKeyFormatsPage = wire("Supported Key Formats page", {
  ...head,
  keyFormat: byte(4),
});

export const EncryptionManagementCapabilitiesPage = wire(
  "Data Encryption Management Capabilities page",
  {
    ...head,
    lockC: flag(4, 0),
    ckodC: flag(5, 2),
    ckorpC: flag(5, 1),
    ckorlC: flag(5, 0),
    aitnC: flag(7, 2),
    localC: flag(7, 1),
    publicC: flag(7, 0),
  },
  16,
);

/** Key-associated data descriptors follow. */
export const EncryptionStatusPage = wire(
  "Data Encryption Status page",
  {
    ...head,
    itNexusScope: bits(4, 7, 5),
    keyScope: bits(4, 2, 0),
    encryptionMode: byte(5),
    decryptionMode: byte(6),
    algorithmIndex: byte(7),
    keyInstanceCounter: uint(8, 11),
    parametersControl: bits(12, 6, 4),
    vcelb: flag(12, 3),
    ceems: bits(12, 2, 1),
    rdmd: flag(12, 0),
    kadFormat: byte(13),
    availableSupplementalDecryptionKeyCount: uint(14, 15),
  },
  24,
);

/** Key-associated data descriptors follow. */
export const NextBlockEncryptionStatusPage = wire("Next Block Encryption Status page", {
  ...head,
  logicalObjectNumber: uint(4, 11),
  compressionStatus: bits(12, 7, 4),
  encryptionStatus: bits(12, 3, 0),
  algorithmIndex: byte(13),
  emes: flag(14, 1),
  rdmds: flag(14, 0),
  kadFormat: byte(15),
});

/** ENCRYPTION STATUS */
export const NEXT_BLOCK_STATUS = {
  NOT_A_BLOCK: 2,
  NOT_ENCRYPTED: 3,
  DECRYPTABLE: 5,
  NOT_DECRYPTABLE: 6,
} as const;

/** The key follows, then key-associated data descriptors. */
export const SetDataEncryptionPage = wire("Set Data Encryption page", {
  ...head,
  scope: bits(4, 7, 5),
  lock: flag(4, 0),
  ceem: bits(5, 7, 6),
  rdmc: bits(5, 5, 4),
  sdk: flag(5, 3),
  ckod: flag(5, 2),
  ckorp: flag(5, 1),
  ckorl: flag(5, 0),
  encryptionMode: byte(6),
  decryptionMode: byte(7),
  algorithmIndex: byte(8),
  keyFormat: byte(9),
  kadFormat: byte(10),
  keyLength: uint(18, 19),
});

export const KeyAssociatedDataDescriptor = wire("key-associated data descriptor", {
  descriptorType: byte(0),
  authenticated: bits(1, 2, 0),
  descriptorLength: uint(2, 3),
});

/** KEY DESCRIPTOR TYPE */
export const KEY_ASSOCIATED_DATA = { UNAUTHENTICATED: 0, AUTHENTICATED: 1 } as const;
