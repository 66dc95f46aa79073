/** Standard INQUIRY data (SPC-5, "Standard INQUIRY data"). */
import { ascii, bits, byte, flag, uint, wire } from "../../layout/index.ts";

/** The part that every device returns; vendor specific bytes follow. */
export const StandardInquiry = wire(
  "standard INQUIRY data",
  {
    peripheralQualifier: bits(0, 7, 5),
    peripheralDeviceType: bits(0, 4, 0),
    rmb: flag(1, 7),
    luCong: flag(1, 6),
    version: byte(2),
    normaca: flag(3, 5),
    hisup: flag(3, 4),
    responseDataFormat: bits(3, 3, 0),
    additionalLength: byte(4),
    sccs: flag(5, 7),
    /** Obsolete since SPC-5. */
    acc: flag(5, 6),
    tpgs: bits(5, 5, 4),
    threePc: flag(5, 3),
    protect: flag(5, 0),
    /** Obsolete since SPC-4: basic queuing. */
    bque: flag(6, 7),
    encserv: flag(6, 6),
    multip: flag(6, 4),
    cmdque: flag(7, 1),
    t10VendorIdentification: ascii(8, 15),
    productIdentification: ascii(16, 31),
    productRevisionLevel: ascii(32, 35),
    versionDescriptor1: uint(58, 59),
    versionDescriptor2: uint(60, 61),
    versionDescriptor3: uint(62, 63),
    versionDescriptor4: uint(64, 65),
    versionDescriptor5: uint(66, 67),
    versionDescriptor6: uint(68, 69),
    versionDescriptor7: uint(70, 71),
    versionDescriptor8: uint(72, 73),
  },
  96,
);

/** Bytes up to the product revision level: what every device must return. */
export const STANDARD_INQUIRY_LENGTH_MIN = 36;

/** PERIPHERAL QUALIFIER (SPC-5, "Standard INQUIRY data"). */
export const PERIPHERAL_QUALIFIER = {
  /** A device is connected to the logical unit. */
  CONNECTED: 0,
  /** None is connected, but one could be. */
  NOT_CONNECTED: 1,
  /** None can be connected. */
  NOT_CAPABLE: 3,
} as const;

/** VERSION: what the device claims conformance to. */
export const INQUIRY_VERSION = { SPC_2: 4, SPC_3: 5, SPC_4: 6, SPC_5: 7 } as const;

/** SPC-5, "Version descriptor values": the ones without a revision claimed. */
export const VERSION_DESCRIPTOR = {
  SAM_5: 0x00a0,
  SPC_4: 0x0460,
  SBC_3: 0x04c0,
  SPC_5: 0x05c0,
  SBC_4: 0x0600,
  SSC_3: 0x0400,
  SSC_4: 0x0520,
  SMC_3: 0x0480,
  MMC_6: 0x04e0,
  ISCSI: 0x0960,
} as const;
