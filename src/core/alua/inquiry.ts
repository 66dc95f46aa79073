/**
 * How initiators find the target port groups: by TPGS in the standard INQUIRY data, and by two
 * designators in the Device Identification VPD page. The core puts both into what the handler
 * has answered, since a handler knows nothing of target ports.
 */
import {
  ASSOCIATION,
  CODE_SET,
  DESIGNATOR_TYPE,
  DesignationDescriptor,
  encodeDesignation,
  Inquiry,
  STATUS,
  VPD_PAGE,
  VpdPageHeader,
} from "../../protocol/scsi/index.ts";
import type { Command } from "../command.ts";
import { concat } from "../concat.ts";

/** TPGS (SPC-5, "Standard INQUIRY data"). */
const TPGS_BYTE = 5;
const TPGS_SHIFT = 4;
const IMPLICIT = 1;
const EXPLICIT = 2;

/** PAGE LENGTH has two bytes: a handler that fills them leaves no room. */
const PAGE_LENGTH_MAX = 0xffff;

/** Completes what the handler of a device in a device group answered to an INQUIRY. */
export function describeAccess(command: Command): void {
  if (command.status !== STATUS.GOOD || command.responseLength === 0) return;
  const { evpd, pageCode } = Inquiry.view(command.cdb);
  if (!evpd) setTpgs(command);
  else if (pageCode === VPD_PAGE.DEVICE_IDENTIFICATION) addDesignators(command);
}

function setTpgs({ nexus, data, responseLength }: Command): void {
  if (responseLength <= TPGS_BYTE) return;
  const { setTargetPortGroups } = nexus!.device.deviceGroup!;
  const tpgs = setTargetPortGroups === undefined ? IMPLICIT : IMPLICIT | EXPLICIT;
  data[TPGS_BYTE] = ((data[TPGS_BYTE] as number) & ~(3 << TPGS_SHIFT)) | (tpgs << TPGS_SHIFT);
}

function addDesignators(command: Command): void {
  const { data, responseLength } = command;
  const { size } = VpdPageHeader;
  // SPC-5, "Allocation length": a page that is cut says how long the whole one is. With less than
  // its header there is nothing that could be wrong.
  if (responseLength < size) return;
  const header = VpdPageHeader.view(data);
  const end = size + header.pageLength;
  const cut = responseLength < end;
  if (header.pageCode !== VPD_PAGE.DEVICE_IDENTIFICATION) return;
  // Less than there is room for, and less than the page says: the handler contradicts itself.
  if (cut && responseLength < data.length) return;
  const added = concat(designatorsFor(command, cut ? 0 : end));
  if (header.pageLength + added.length > PAGE_LENGTH_MAX) return;
  header.pageLength += added.length;
  if (cut) return;
  const length = Math.min(added.length, data.length - end);
  data.set(added.subarray(0, length), end);
  command.responseLength = end + length;
}

/** Those of the target port that the page has not: up to `end` it is the handler's. */
function designatorsFor({ nexus, data }: Command, end: number): Uint8Array[] {
  const { targetGroup, relativeTargetPortIdentifier } = nexus!;
  const parts: Uint8Array[] = [];
  const { RELATIVE_TARGET_PORT, TARGET_PORT_GROUP } = DESIGNATOR_TYPE;
  if (!hasDesignator(data, end, RELATIVE_TARGET_PORT)) {
    parts.push(ofTargetPort(RELATIVE_TARGET_PORT, relativeTargetPortIdentifier));
  }
  if (targetGroup !== undefined && !hasDesignator(data, end, TARGET_PORT_GROUP)) {
    parts.push(ofTargetPort(TARGET_PORT_GROUP, targetGroup.groupId));
  }
  return parts;
}

/** SPC-5, "Relative target port identifier designator format" and "Target port group …". */
function ofTargetPort(designatorType: number, id: number): Uint8Array {
  const head = {
    codeSet: CODE_SET.BINARY,
    association: ASSOCIATION.TARGET_PORT,
    designatorType,
  };
  return encodeDesignation(head, Uint8Array.of(0, 0, id >> 8, id & 0xff));
}

function hasDesignator(page: Uint8Array, end: number, type: number): boolean {
  const { size } = DesignationDescriptor;
  for (let at = VpdPageHeader.size; at + size <= end;) {
    const { association, designatorType, designatorLength } = DesignationDescriptor.view(page, at);
    if (association === ASSOCIATION.TARGET_PORT && designatorType === type) return true;
    at += size + designatorLength;
  }
  return false;
}
