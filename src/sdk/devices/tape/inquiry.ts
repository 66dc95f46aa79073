import {
  ASSOCIATION,
  CODE_SET,
  DESIGNATOR_TYPE,
  DEVICE_TYPE,
  encodeDesignation,
  ExtendedInquiryDataVpdPage,
  Inquiry,
  INQUIRY_VERSION,
  PERIPHERAL_QUALIFIER,
  StandardInquiry,
  TAPE_VPD_PAGE,
  VERSION_DESCRIPTOR,
  VPD_PAGE,
  VpdPageHeader,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";
import { invalidFieldInCdb } from "../refusals.ts";
import { PROTECTION_BYTES, PROTECTION_METHODS } from "./block-protection.ts";
import type { TapeUnit } from "./tape-unit.ts";

export function inquiry(unit: TapeUnit, command: ScsiCommand): Outcome {
  const { evpd, pageCode } = Inquiry.view(command.cdb);
  if (!evpd) {
    if (pageCode !== 0) return invalidFieldInCdb(2);
    return command.reply(standardInquiry(unit, command.session.transportVersion));
  }
  const page = VPD_PAGES.get(pageCode);
  if (page === undefined || !isSupported(unit, pageCode)) return invalidFieldInCdb(2);
  return command.reply(withHead(pageCode, page(unit)));
}

function standardInquiry(
  { identity, personality }: TapeUnit,
  transportVersion: number,
): Uint8Array {
  return StandardInquiry.encode({
    peripheralQualifier: PERIPHERAL_QUALIFIER.CONNECTED,
    peripheralDeviceType: DEVICE_TYPE.TAPE,
    rmb: true,
    version: INQUIRY_VERSION.SPC_4,
    hisup: true,
    responseDataFormat: 2,
    additionalLength: StandardInquiry.size - 5,
    // SSC-5: logical block protection is to be had.
    protect: personality.logicalBlockProtection,
    cmdque: true,
    t10VendorIdentification: identity.vendor,
    productIdentification: identity.product,
    productRevisionLevel: identity.revision,
    versionDescriptor1: VERSION_DESCRIPTOR.SAM_5,
    versionDescriptor2: transportVersion,
    versionDescriptor3: VERSION_DESCRIPTOR.SPC_4,
    versionDescriptor4: VERSION_DESCRIPTOR.SSC_4,
  });
}

/** What follows the head of each page, by PAGE CODE, ascending. */
const VPD_PAGES: ReadonlyMap<number, (unit: TapeUnit) => Uint8Array> = new Map<
  number,
  (unit: TapeUnit) => Uint8Array
>([
  [
    VPD_PAGE.SUPPORTED_VPD_PAGES,
    (unit) => Uint8Array.from([...VPD_PAGES.keys()].filter((code) => isSupported(unit, code))),
  ],
  [VPD_PAGE.UNIT_SERIAL_NUMBER, serialNumber],
  [VPD_PAGE.DEVICE_IDENTIFICATION, deviceIdentification],
  [
    VPD_PAGE.EXTENDED_INQUIRY_DATA,
    () =>
      ExtendedInquiryDataVpdPage.encode({ headsup: true, ordsup: true, simpsup: true }).subarray(
        VpdPageHeader.size,
      ),
  ],
  // Bit 0: WORM cartridges can be used.
  [
    TAPE_VPD_PAGE.SEQUENTIAL_ACCESS_CAPABILITIES,
    ({ personality }) => Uint8Array.of(personality.worm ? 1 : 0, 0),
  ],
  [TAPE_VPD_PAGE.MANUFACTURER_ASSIGNED_SERIAL_NUMBER, serialNumber],
  // The flags that the TapeAlert log page can ever show: 5, 6 and 22.
  [
    TAPE_VPD_PAGE.TAPE_ALERT_SUPPORTED_FLAGS,
    () => Uint8Array.of(0x0c, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00),
  ],
  [TAPE_VPD_PAGE.LOGICAL_BLOCK_PROTECTION, protectionMethods],
]);

function isSupported({ personality }: TapeUnit, pageCode: number): boolean {
  return pageCode !== TAPE_VPD_PAGE.LOGICAL_BLOCK_PROTECTION || personality.logicalBlockProtection;
}

function serialNumber({ identity }: TapeUnit): Uint8Array {
  return Buffer.from(identity.serial, "latin1");
}

function deviceIdentification({ identity }: TapeUnit): Uint8Array {
  const { vendor, product, serial, naa } = identity;
  const logicalUnit = { association: ASSOCIATION.LOGICAL_UNIT };
  const t10 = `${vendor.padEnd(8)}${product.padEnd(16)}${serial}`;
  return Buffer.concat([
    encodeDesignation(
      { ...logicalUnit, codeSet: CODE_SET.ASCII, designatorType: DESIGNATOR_TYPE.T10_VENDOR_ID },
      Buffer.from(t10, "latin1"),
    ),
    encodeDesignation(
      { ...logicalUnit, codeSet: CODE_SET.BINARY, designatorType: DESIGNATOR_TYPE.NAA },
      naa,
    ),
  ]);
}

/** SSC-5, "Logical Block Protection VPD page": a descriptor of eight bytes for each method. */
function protectionMethods(): Uint8Array {
  const descriptors = PROTECTION_METHODS.map((method) => {
    const flags = method === 0 ? 0 : 0xc0;
    return [7, method, method === 0 ? 0 : PROTECTION_BYTES, flags, 0, 0, 0, 0];
  });
  return Uint8Array.from(descriptors.flat());
}

function withHead(pageCode: number, body: Uint8Array): Uint8Array {
  const head = VpdPageHeader.encode({
    peripheralDeviceType: DEVICE_TYPE.TAPE,
    pageCode,
    pageLength: body.length,
  });
  return Buffer.concat([head, body]);
}
