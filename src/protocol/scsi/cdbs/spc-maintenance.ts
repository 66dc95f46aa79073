/** CDBs of SPC-5 that are service actions of MAINTENANCE IN (A3h) and MAINTENANCE OUT (A4h). */
import { bits, byte, flag, uint, wire } from "../../layout/index.ts";

const maintenanceIn = {
  operationCode: byte(0),
  serviceAction: bits(1, 4, 0),
  allocationLength: uint(6, 9),
  control: byte(11),
};

const maintenanceOut = {
  operationCode: byte(0),
  serviceAction: bits(1, 4, 0),
  parameterListLength: uint(6, 9),
  control: byte(11),
};

export const MaintenanceIn = wire("MAINTENANCE IN", maintenanceIn);

export const ReportIdentifyingInformation = wire("REPORT IDENTIFYING INFORMATION", {
  ...maintenanceIn,
  identifyingInformationType: bits(10, 7, 1),
});

export const ReportTargetPortGroups = wire("REPORT TARGET PORT GROUPS", {
  ...maintenanceIn,
  parameterDataFormat: bits(1, 7, 5),
});

export const ReportAliases = wire("REPORT ALIASES", maintenanceIn);

export const ReportSupportedOperationCodes = wire("REPORT SUPPORTED OPERATION CODES", {
  ...maintenanceIn,
  rctd: flag(2, 7),
  reportingOptions: bits(2, 2, 0),
  requestedOperationCode: byte(3),
  requestedServiceAction: uint(4, 5),
});

export const ReportSupportedTaskManagementFunctions = wire(
  "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
  { ...maintenanceIn, repd: flag(2, 7) },
);

export const ReportPriority = wire("REPORT PRIORITY", {
  ...maintenanceIn,
  priorityReported: bits(2, 7, 6),
});

export const ReportTimestamp = wire("REPORT TIMESTAMP", maintenanceIn);

export const MaintenanceOut = wire("MAINTENANCE OUT", maintenanceOut);

export const SetIdentifyingInformation = wire("SET IDENTIFYING INFORMATION", {
  ...maintenanceOut,
  identifyingInformationType: bits(10, 7, 1),
});

export const SetTargetPortGroups = wire("SET TARGET PORT GROUPS", maintenanceOut);

export const ChangeAliases = wire("CHANGE ALIASES", maintenanceOut);

export const SetPriority = wire("SET PRIORITY", {
  ...maintenanceOut,
  priorityToSet: bits(2, 7, 6),
});

export const SetTimestamp = wire("SET TIMESTAMP", maintenanceOut);
