/** What the REPORT commands of SPC-5 return. */
import { bits, byte, flag, uint, wire } from "../../layout/index.ts";

/** The head of REPORT LUNS parameter data; LUNs of eight bytes follow. */
export const ReportLunsHeader = wire(
  "REPORT LUNS parameter data",
  { lunListLength: uint(0, 3) },
  8,
);

/** SELECT REPORT (SPC-5, "REPORT LUNS command"). */
export const SELECT_REPORT = {
  ADDRESSABLE: 0x00,
  WELL_KNOWN: 0x01,
  ALL: 0x02,
  ADMINISTRATIVE: 0x10,
  TOP_LEVEL: 0x11,
  CONGLOMERATE: 0x12,
} as const;

/** The head of all_commands parameter data; command descriptors follow. */
export const AllCommandsHeader = wire("all_commands parameter data", {
  commandDataLength: uint(0, 3),
});

/** SPC-5, "All_commands parameter data format". */
export const CommandDescriptor = wire("command descriptor", {
  operationCode: byte(0),
  serviceAction: uint(2, 3),
  rwcdlp: flag(5, 6),
  mlu: bits(5, 5, 4),
  cdlp: bits(5, 3, 2),
  ctdp: flag(5, 1),
  servactv: flag(5, 0),
  cdbLength: uint(6, 7),
});

/** The head of one_command parameter data; CDB USAGE DATA follows. */
export const OneCommandHeader = wire("one_command parameter data", {
  ctdp: flag(1, 7),
  mlu: bits(1, 6, 5),
  cdlp: bits(1, 4, 3),
  support: bits(1, 2, 0),
  cdbSize: uint(2, 3),
});

/** REPORTING OPTIONS of REPORT SUPPORTED OPERATION CODES. */
export const REPORTING_OPTIONS = {
  ALL: 0,
  ONE: 1,
  ONE_WITH_SERVICE_ACTION: 2,
  ONE_WITH_OPTIONAL_SERVICE_ACTION: 3,
} as const;

/** SUPPORT of one_command parameter data. */
export const COMMAND_SUPPORT = {
  UNAVAILABLE: 0,
  NOT_SUPPORTED: 1,
  STANDARD: 3,
  VENDOR: 5,
} as const;

/** SPC-5, "Command timeouts descriptor". */
export const CommandTimeoutsDescriptor = wire("command timeouts descriptor", {
  descriptorLength: uint(0, 1),
  commandSpecific: byte(3),
  nominalCommandProcessingTimeout: uint(4, 7),
  recommendedCommandTimeout: uint(8, 11),
});

const taskManagement = {
  ats: flag(0, 7),
  atss: flag(0, 6),
  cacas: flag(0, 5),
  ctss: flag(0, 4),
  lurs: flag(0, 3),
  qts: flag(0, 2),
  trs: flag(0, 1),
  wakes: flag(0, 0),
  qaes: flag(1, 2),
  qtss: flag(1, 1),
  itnrs: flag(1, 0),
};

/** REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS with REPD zero. */
export const TaskManagementFunctions = wire(
  "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS basic parameter data",
  taskManagement,
  4,
);

/** The same with REPD one; times are in units of 100 ms. */
export const TaskManagementFunctionsExtended = wire(
  "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS extended parameter data",
  {
    ...taskManagement,
    additionalLength: byte(3),
    tmftmov: flag(4, 0),
    atts: flag(6, 7),
    atsts: flag(6, 6),
    cacats: flag(6, 5),
    ctsts: flag(6, 4),
    lurts: flag(6, 3),
    taskManagementFunctionsLongTimeout: uint(8, 11),
    taskManagementFunctionsShortTimeout: uint(12, 15),
  },
  16,
);

/** The head of REPORT TARGET PORT GROUPS, length only header format. */
export const ReportTargetPortGroupsHeader = wire("REPORT TARGET PORT GROUPS parameter data", {
  returnDataLength: uint(0, 3),
});

/** The head of REPORT TARGET PORT GROUPS, extended header format. */
export const ReportTargetPortGroupsExtendedHeader = wire(
  "REPORT TARGET PORT GROUPS parameter data, extended header",
  {
    returnDataLength: uint(0, 3),
    formatType: bits(4, 6, 4),
    /** In seconds; 0 says nothing. */
    implicitTransitionTime: byte(5),
  },
  8,
);

/** SPC-5, "Target port group descriptor"; target port descriptors follow. */
export const TargetPortGroupDescriptor = wire("target port group descriptor", {
  pref: flag(0, 7),
  rtpgFmt: bits(0, 6, 4),
  asymmetricAccessState: bits(0, 3, 0),
  tSup: flag(1, 7),
  oSup: flag(1, 6),
  lbdSup: flag(1, 4),
  uSup: flag(1, 3),
  sSup: flag(1, 2),
  anSup: flag(1, 1),
  aoSup: flag(1, 0),
  targetPortGroup: uint(2, 3),
  statusCode: byte(5),
  vendorSpecific: byte(6),
  targetPortCount: byte(7),
});

export const TargetPortDescriptor = wire("target port descriptor", {
  relativeTargetPortIdentifier: uint(2, 3),
});

/** The head of SET TARGET PORT GROUPS; its descriptors follow. */
export const SetTargetPortGroupsHeader = wire("SET TARGET PORT GROUPS parameter list", {}, 4);

export const SetTargetPortGroupDescriptor = wire("set target port group descriptor", {
  asymmetricAccessState: bits(0, 3, 0),
  /** TARGET PORT GROUP OR TARGET PORT */
  targetPortGroup: uint(2, 3),
});

/** The head of REPORT IDENTIFYING INFORMATION parameter data. */
export const ReportIdentifyingInformationHeader = wire(
  "REPORT IDENTIFYING INFORMATION parameter data",
  { identifyingInformationLength: uint(2, 3) },
);

/** IDENTIFYING INFORMATION TYPE (SPC-5, "REPORT IDENTIFYING INFORMATION command"). */
export const IDENTIFYING_INFORMATION = { PERIPHERAL_DEVICE: 0, TEXT: 2, SUPPORTED: 127 } as const;

/** SPC-5, "Identifying information supported descriptor". */
export const IdentifyingInformationDescriptor = wire("identifying information descriptor", {
  identifyingInformationType: bits(0, 7, 1),
  maximumIdentifyingInformationLength: uint(2, 3),
});
