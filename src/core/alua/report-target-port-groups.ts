/** REPORT TARGET PORT GROUPS (SPC-5, "REPORT TARGET PORT GROUPS command"). */
import {
  ReportTargetPortGroups,
  ReportTargetPortGroupsExtendedHeader,
  ReportTargetPortGroupsHeader,
  SENSE,
  TargetPortDescriptor,
  TargetPortGroupDescriptor,
} from "../../protocol/scsi/index.ts";
import type { Command } from "../command.ts";
import { concat } from "../concat.ts";
import { ACCESS_STATE, SUPPORTED_STATES } from "./access-state.ts";
import type { TargetGroup } from "./target-group.ts";

/** PARAMETER DATA FORMAT, and FORMAT TYPE of the extended header. */
const FORMAT = { LENGTH_ONLY: 0, EXTENDED: 1 } as const;

/** Answers the command. Without a device group there is no group to report: the header alone. */
export function reportTargetPortGroups(command: Command): void {
  const { parameterDataFormat } = ReportTargetPortGroups.view(command.cdb);
  if (parameterDataFormat > FORMAT.EXTENDED) {
    const fieldPointer = { inCdb: true, byte: 1, bit: 7 };
    command.setSense(SENSE.INVALID_FIELD_IN_CDB, { fieldPointer });
    return;
  }
  const groups = command.nexus!.device.deviceGroup?.targetGroups.values() ?? [];
  const head =
    parameterDataFormat === FORMAT.EXTENDED
      ? // An IMPLICIT TRANSITION TIME of zero names no time.
        ReportTargetPortGroupsExtendedHeader.encode({ formatType: FORMAT.EXTENDED })
      : ReportTargetPortGroupsHeader.encode({});
  const data = concat([head, ...[...groups].map(descriptorOf)]);
  const { size } = ReportTargetPortGroupsHeader;
  ReportTargetPortGroupsHeader.view(data).returnDataLength = data.length - size;
  command.answer(data);
}

function descriptorOf(group: TargetGroup): Uint8Array {
  const ports = group.relativeTargetPorts;
  const head = TargetPortGroupDescriptor.encode({
    ...SUPPORTED_STATES,
    pref: group.preferred,
    asymmetricAccessState: ACCESS_STATE[group.state],
    targetPortGroup: group.groupId,
    statusCode: group.statusCode,
    targetPortCount: ports.length,
  });
  return concat([
    head,
    ...ports.map((relativeTargetPortIdentifier) =>
      TargetPortDescriptor.encode({ relativeTargetPortIdentifier }),
    ),
  ]);
}
