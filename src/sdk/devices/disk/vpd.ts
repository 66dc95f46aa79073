import {
  ASSOCIATION,
  CODE_SET,
  DESIGNATOR_TYPE,
  DEVICE_TYPE,
  encodeDesignation,
  ExtendedInquiryDataVpdPage,
  ModePagePolicyDescriptor,
  PowerConditionVpdPage,
  ScsiPortDesignationDescriptor,
  VPD_PAGE,
  VpdPageHeader,
} from "../../../protocol/scsi/index.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { SENSE_DATA_LENGTH_MAX } from "./mode-pages.ts";
import { blockDeviceCharacteristics, blockLimits, logicalBlockProvisioning } from "./vpd-block.ts";

type Encode = (unit: LogicalUnit) => Uint8Array;

const PAGES: ReadonlyMap<number, Encode> = new Map<number, Encode>([
  [VPD_PAGE.SUPPORTED_VPD_PAGES, supportedPages],
  [VPD_PAGE.UNIT_SERIAL_NUMBER, unitSerialNumber],
  [VPD_PAGE.DEVICE_IDENTIFICATION, deviceIdentification],
  [VPD_PAGE.EXTENDED_INQUIRY_DATA, extendedInquiryData],
  [VPD_PAGE.MODE_PAGE_POLICY, modePagePolicy],
  [VPD_PAGE.SCSI_PORTS, scsiPorts],
  [VPD_PAGE.POWER_CONDITION, powerCondition],
  [VPD_PAGE.BLOCK_LIMITS, blockLimits],
  [VPD_PAGE.BLOCK_DEVICE_CHARACTERISTICS, blockDeviceCharacteristics],
  [VPD_PAGE.LOGICAL_BLOCK_PROVISIONING, logicalBlockProvisioning],
]);

/** The VPD page of a PAGE CODE, where the disk has it. */
export function vpdPage(unit: LogicalUnit, pageCode: number): Uint8Array | undefined {
  return has(unit, pageCode) ? PAGES.get(pageCode)?.(unit) : undefined;
}

function has({ settings }: LogicalUnit, pageCode: number): boolean {
  switch (pageCode) {
    case VPD_PAGE.LOGICAL_BLOCK_PROVISIONING:
      return settings.thinProvisioned;
    case VPD_PAGE.POWER_CONDITION:
      return !settings.removable;
    default:
      return PAGES.has(pageCode);
  }
}

function supportedPages(unit: LogicalUnit): Uint8Array {
  const codes = [...PAGES.keys()].filter((code) => has(unit, code));
  return page(VPD_PAGE.SUPPORTED_VPD_PAGES, [Uint8Array.from(codes)]);
}

function unitSerialNumber({ identity }: LogicalUnit): Uint8Array {
  return page(VPD_PAGE.UNIT_SERIAL_NUMBER, [Buffer.from(identity.serial, "latin1")]);
}

function deviceIdentification({ identity }: LogicalUnit): Uint8Array {
  const { vendor, t10DeviceId, naa, eui64 } = identity;
  const ofUnit = { association: ASSOCIATION.LOGICAL_UNIT };
  const binary = { ...ofUnit, codeSet: CODE_SET.BINARY };
  // SPC-5, "T10 vendor ID based designator format".
  const t10 = Buffer.from(`${vendor.padEnd(8)}${t10DeviceId}`, "latin1");
  const designators = [
    encodeDesignation(
      { ...ofUnit, codeSet: CODE_SET.ASCII, designatorType: DESIGNATOR_TYPE.T10_VENDOR_ID },
      t10,
    ),
    encodeDesignation({ ...binary, designatorType: DESIGNATOR_TYPE.NAA }, naa),
  ];
  if (eui64 !== undefined) {
    designators.push(
      encodeDesignation({ ...binary, designatorType: DESIGNATOR_TYPE.EUI_64 }, eui64),
    );
  }
  return page(VPD_PAGE.DEVICE_IDENTIFICATION, designators);
}

function extendedInquiryData(unit: LogicalUnit): Uint8Array {
  const size = ExtendedInquiryDataVpdPage.size;
  return ExtendedInquiryDataVpdPage.encode({
    ...head(VPD_PAGE.EXTENDED_INQUIRY_DATA, size - VpdPageHeader.size),
    headsup: true,
    ordsup: true,
    simpsup: true,
    vSup: unit.writeCacheChangeable,
    // A unit attention goes when it has been told, to whom it was for.
    luiclr: true,
    maximumSupportedSenseDataLength: SENSE_DATA_LENGTH_MAX,
  });
}

/** MODE PAGE POLICY 00b: all I_T nexuses share every page. */
function modePagePolicy(): Uint8Array {
  const all = { policyPageCode: 0x3f, policySubpageCode: 0xff };
  return page(VPD_PAGE.MODE_PAGE_POLICY, [ModePagePolicyDescriptor.encode(all)]);
}

/** The target ports by which the disk has been reached, as far as their names are known. */
function scsiPorts({ targetPorts }: LogicalUnit): Uint8Array {
  const descriptors = targetPorts.names.map((name, index) => {
    const designator = encodeDesignation(
      {
        protocolIdentifier: PROTOCOL_ISCSI,
        piv: true,
        association: ASSOCIATION.TARGET_PORT,
        codeSet: CODE_SET.UTF_8,
        designatorType: DESIGNATOR_TYPE.SCSI_NAME_STRING,
      },
      padded(name),
    );
    const port = ScsiPortDesignationDescriptor.encode({
      relativePortIdentifier: index + 1,
      targetPortDescriptorsLength: designator.length,
    });
    return Buffer.concat([port, designator]);
  });
  return page(VPD_PAGE.SCSI_PORTS, descriptors);
}

/** PROTOCOL IDENTIFIER (SPC-5). */
const PROTOCOL_ISCSI = 5;

/** SPC-5, "SCSI name string designator format": ends with a null, a multiple of four bytes. */
function padded(text: string): Uint8Array {
  const name = Buffer.from(text, "utf8");
  return Buffer.concat([name, new Uint8Array(4 - (name.length % 4))]);
}

function powerCondition(): Uint8Array {
  return PowerConditionVpdPage.encode({
    ...head(VPD_PAGE.POWER_CONDITION, PowerConditionVpdPage.size - VpdPageHeader.size),
    standbyY: true,
    standbyZ: true,
    idleC: true,
    idleB: true,
    idleA: true,
  });
}

function head(pageCode: number, pageLength: number) {
  return { peripheralDeviceType: DEVICE_TYPE.DISK, pageCode, pageLength };
}

function page(pageCode: number, parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  return Buffer.concat([VpdPageHeader.encode(head(pageCode, content.length)), content]);
}
