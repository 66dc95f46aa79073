import {
  ASSOCIATION,
  CODE_SET,
  DESIGNATOR_TYPE,
  DEVICE_TYPE,
  encodeDesignation,
  Inquiry,
  INQUIRY_VERSION,
  PERIPHERAL_QUALIFIER,
  StandardInquiry,
  VERSION_DESCRIPTOR,
  VPD_PAGE,
  VpdPageHeader,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";
import { invalidFieldInCdb } from "../refusals.ts";
import type { ChangerUnit } from "./changer-unit.ts";

/** Where IBM's libraries, among others, say that they read barcodes: vendor specific. */
const BARC_BYTE = 55;
const BARC = 0x01;

export function inquiry(unit: ChangerUnit, command: ScsiCommand): Outcome {
  const { evpd, pageCode } = Inquiry.view(command.cdb);
  if (!evpd) {
    if (pageCode !== 0) return invalidFieldInCdb(2);
    return command.reply(standardInquiry(unit, command.session.transportVersion));
  }
  const page = VPD_PAGES.get(pageCode);
  if (page === undefined) return invalidFieldInCdb(2);
  const body = page(unit);
  const head = VpdPageHeader.encode({
    peripheralDeviceType: DEVICE_TYPE.CHANGER,
    pageCode,
    pageLength: body.length,
  });
  return command.reply(Buffer.concat([head, body]));
}

function standardInquiry({ identity }: ChangerUnit, transportVersion: number): Uint8Array {
  const data = StandardInquiry.encode({
    peripheralQualifier: PERIPHERAL_QUALIFIER.CONNECTED,
    peripheralDeviceType: DEVICE_TYPE.CHANGER,
    rmb: true,
    version: INQUIRY_VERSION.SPC_4,
    hisup: true,
    responseDataFormat: 2,
    additionalLength: StandardInquiry.size - 5,
    cmdque: true,
    t10VendorIdentification: identity.vendor,
    productIdentification: identity.product,
    productRevisionLevel: identity.revision,
    versionDescriptor1: VERSION_DESCRIPTOR.SAM_5,
    versionDescriptor2: transportVersion,
    versionDescriptor3: VERSION_DESCRIPTOR.SPC_4,
    versionDescriptor4: VERSION_DESCRIPTOR.SMC_3,
  });
  data[BARC_BYTE] = BARC;
  return data;
}

/** What follows the head of each page, by PAGE CODE, ascending. */
const VPD_PAGES: ReadonlyMap<number, (unit: ChangerUnit) => Uint8Array> = new Map<
  number,
  (unit: ChangerUnit) => Uint8Array
>([
  [VPD_PAGE.SUPPORTED_VPD_PAGES, () => Uint8Array.from(VPD_PAGES.keys())],
  [VPD_PAGE.UNIT_SERIAL_NUMBER, ({ identity }) => Buffer.from(identity.serial, "latin1")],
  [VPD_PAGE.DEVICE_IDENTIFICATION, deviceIdentification],
]);

function deviceIdentification({ identity }: ChangerUnit): Uint8Array {
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
