/** The PDUs that a target sends, as RFC 7143 draws them. */
import { bits, byte, flag, octets, uint, wire } from "../layout/index.ts";
import { BHS_LENGTH } from "./constants.ts";
import { common, final, lun, responseNumbers } from "./pdu-common.ts";

export const NopIn = wire(
  "NOP-In",
  { ...common, final, lun, targetTransferTag: uint(20, 23), ...responseNumbers },
  BHS_LENGTH,
);

export const ScsiResponse = wire(
  "SCSI Response",
  {
    ...common,
    final,
    bidirectionalReadOverflow: flag(1, 4),
    bidirectionalReadUnderflow: flag(1, 3),
    overflow: flag(1, 2),
    underflow: flag(1, 1),
    response: byte(2),
    status: byte(3),
    snackTag: uint(20, 23),
    ...responseNumbers,
    expDataSn: uint(36, 39),
    bidirectionalReadResidualCount: uint(40, 43),
    residualCount: uint(44, 47),
  },
  BHS_LENGTH,
);

export const TaskManagementResponse = wire(
  "Task Management Function Response",
  { ...common, final, response: byte(2), ...responseNumbers },
  BHS_LENGTH,
);

export const LoginResponse = wire(
  "Login Response",
  {
    ...common,
    transit: flag(1, 7),
    continues: flag(1, 6),
    currentStage: bits(1, 3, 2),
    nextStage: bits(1, 1, 0),
    versionMax: byte(2),
    versionActive: byte(3),
    isid: octets(8, 13),
    tsih: uint(14, 15),
    ...responseNumbers,
    /** Status-Class × 256 + Status-Detail. */
    status: uint(36, 37),
  },
  BHS_LENGTH,
);

export const TextResponse = wire(
  "Text Response",
  {
    ...common,
    final,
    continues: flag(1, 6),
    lun,
    targetTransferTag: uint(20, 23),
    ...responseNumbers,
  },
  BHS_LENGTH,
);

export const DataIn = wire(
  "SCSI Data-In",
  {
    ...common,
    final,
    acknowledge: flag(1, 6),
    overflow: flag(1, 2),
    underflow: flag(1, 1),
    statusPresent: flag(1, 0),
    status: byte(3),
    lun,
    targetTransferTag: uint(20, 23),
    ...responseNumbers,
    dataSn: uint(36, 39),
    bufferOffset: uint(40, 43),
    residualCount: uint(44, 47),
  },
  BHS_LENGTH,
);

export const LogoutResponse = wire(
  "Logout Response",
  {
    ...common,
    final,
    response: byte(2),
    ...responseNumbers,
    time2Wait: uint(40, 41),
    time2Retain: uint(42, 43),
  },
  BHS_LENGTH,
);

export const ReadyToTransfer = wire(
  "Ready To Transfer",
  {
    ...common,
    final,
    lun,
    targetTransferTag: uint(20, 23),
    ...responseNumbers,
    r2tSn: uint(36, 39),
    bufferOffset: uint(40, 43),
    desiredDataTransferLength: uint(44, 47),
  },
  BHS_LENGTH,
);

export const AsyncMessage = wire(
  "Asynchronous Message",
  {
    ...common,
    final,
    lun,
    ...responseNumbers,
    asyncEvent: byte(36),
    asyncVendorCode: byte(37),
    parameter1: uint(38, 39),
    parameter2: uint(40, 41),
    parameter3: uint(42, 43),
  },
  BHS_LENGTH,
);

export const Reject = wire(
  "Reject",
  {
    ...common,
    final,
    reason: byte(2),
    ...responseNumbers,
    /** DataSN or R2TSN of the rejected exchange. */
    dataSn: uint(36, 39),
  },
  BHS_LENGTH,
);
