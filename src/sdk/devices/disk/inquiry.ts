import {
  DEVICE_TYPE,
  Inquiry,
  INQUIRY_VERSION,
  PERIPHERAL_QUALIFIER,
  StandardInquiry,
  VERSION_DESCRIPTOR,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { invalidFieldInCdb } from "../refusals.ts";
import { vpdPage } from "./vpd.ts";

export function inquiry(unit: LogicalUnit, command: ScsiCommand): Outcome {
  const { evpd, pageCode } = Inquiry.view(command.cdb);
  if (!evpd) {
    if (pageCode !== 0) return invalidFieldInCdb(2);
    return command.reply(standardInquiry(unit, command.session.transportVersion));
  }
  const page = vpdPage(unit, pageCode);
  return page === undefined ? invalidFieldInCdb(2) : command.reply(page);
}

function standardInquiry(unit: LogicalUnit, transportVersion: number): Uint8Array {
  const { vendor, product, revision } = unit.identity;
  return StandardInquiry.encode({
    peripheralQualifier: PERIPHERAL_QUALIFIER.CONNECTED,
    peripheralDeviceType: DEVICE_TYPE.DISK,
    rmb: unit.settings.removable,
    // SPC-4 and SBC-3, as hosts know them; what SPC-5 and SBC-4 add is answered all the same.
    version: INQUIRY_VERSION.SPC_4,
    hisup: true,
    responseDataFormat: 2,
    additionalLength: StandardInquiry.size - 5,
    // The core, as SCST, is a copy manager for every disk.
    threePc: true,
    cmdque: true,
    t10VendorIdentification: vendor,
    productIdentification: product,
    productRevisionLevel: revision,
    // SPC-4: architecture, transport, primary commands, device type.
    versionDescriptor1: VERSION_DESCRIPTOR.SAM_5,
    versionDescriptor2: transportVersion,
    versionDescriptor3: VERSION_DESCRIPTOR.SPC_4,
    versionDescriptor4: VERSION_DESCRIPTOR.SBC_3,
  });
}
