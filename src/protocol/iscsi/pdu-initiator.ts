/** The PDUs that an initiator sends, as RFC 7143 draws them. */
import { bits, byte, flag, octets, uint, wire } from "../layout/index.ts";
import { BHS_LENGTH } from "./constants.ts";
import { common, final, lun, requestNumbers } from "./pdu-common.ts";

/** Any PDU, before its opcode is known. */
export const BasicHeaderSegment = wire("Basic Header Segment", { ...common, final }, BHS_LENGTH);

export const NopOut = wire(
  "NOP-Out",
  { ...common, final, lun, targetTransferTag: uint(20, 23), ...requestNumbers },
  BHS_LENGTH,
);

export const ScsiCommand = wire(
  "SCSI Command",
  {
    ...common,
    final,
    read: flag(1, 6),
    write: flag(1, 5),
    taskAttribute: bits(1, 2, 0),
    lun,
    expectedDataTransferLength: uint(20, 23),
    ...requestNumbers,
    cdb: octets(32, 47),
  },
  BHS_LENGTH,
);

export const TaskManagementRequest = wire(
  "Task Management Function Request",
  {
    ...common,
    final,
    taskManagementFunction: bits(1, 6, 0),
    lun,
    referencedTaskTag: uint(20, 23),
    ...requestNumbers,
    refCmdSn: uint(32, 35),
    expDataSn: uint(36, 39),
  },
  BHS_LENGTH,
);

export const LoginRequest = wire(
  "Login Request",
  {
    ...common,
    transit: flag(1, 7),
    continues: flag(1, 6),
    currentStage: bits(1, 3, 2),
    nextStage: bits(1, 1, 0),
    versionMax: byte(2),
    versionMin: byte(3),
    isid: octets(8, 13),
    tsih: uint(14, 15),
    connectionId: uint(20, 21),
    ...requestNumbers,
  },
  BHS_LENGTH,
);

export const TextRequest = wire(
  "Text Request",
  {
    ...common,
    final,
    continues: flag(1, 6),
    lun,
    targetTransferTag: uint(20, 23),
    ...requestNumbers,
  },
  BHS_LENGTH,
);

export const DataOut = wire(
  "SCSI Data-Out",
  {
    ...common,
    final,
    lun,
    targetTransferTag: uint(20, 23),
    expStatSn: uint(28, 31),
    dataSn: uint(36, 39),
    bufferOffset: uint(40, 43),
  },
  BHS_LENGTH,
);

export const LogoutRequest = wire(
  "Logout Request",
  {
    ...common,
    final,
    reasonCode: bits(1, 6, 0),
    connectionId: uint(20, 21),
    ...requestNumbers,
  },
  BHS_LENGTH,
);

export const SnackRequest = wire(
  "SNACK Request",
  {
    ...common,
    final,
    snackType: bits(1, 3, 0),
    lun,
    targetTransferTag: uint(20, 23),
    expStatSn: uint(28, 31),
    begRun: uint(40, 43),
    runLength: uint(44, 47),
  },
  BHS_LENGTH,
);

/** The head that every additional header segment has. AHSLength does not count these bytes. */
export const AdditionalHeaderSegment = wire("Additional Header Segment", {
  ahsLength: uint(0, 1),
  ahsType: byte(2),
});

/** The CDB's bytes from 16 on follow at byte 4; AHSLength is their number and one more. */
export const ExtendedCdb = wire("Extended CDB AHS", {
  ahsLength: uint(0, 1),
  ahsType: byte(2),
  reserved: byte(3),
});

export const BidirectionalReadLength = wire("Bidirectional Expected Read-Data Length AHS", {
  ahsLength: uint(0, 1),
  ahsType: byte(2),
  reserved: byte(3),
  readDataLength: uint(4, 7),
});
