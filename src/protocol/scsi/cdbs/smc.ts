/** CDBs of SMC-3: medium changers. */
import { bits, byte, flag, uint, wire } from "../../layout/index.ts";

const operationCode = byte(0);

export const InitializeElementStatus = wire("INITIALIZE ELEMENT STATUS", {
  operationCode,
  control: byte(5),
});

export const OpenCloseImportExportElement = wire("OPEN/CLOSE IMPORT/EXPORT ELEMENT", {
  operationCode,
  elementAddress: uint(2, 3),
  actionCode: bits(4, 4, 0),
  control: byte(5),
});

export const PositionToElement = wire("POSITION TO ELEMENT", {
  operationCode,
  mediumTransportElementAddress: uint(2, 3),
  destinationElementAddress: uint(4, 5),
  invert: flag(8, 0),
  control: byte(9),
});

export const InitializeElementStatusWithRange = wire("INITIALIZE ELEMENT STATUS WITH RANGE", {
  operationCode,
  fast: flag(1, 1),
  range: flag(1, 0),
  startingElementAddress: uint(2, 3),
  numberOfElements: uint(6, 7),
  control: byte(9),
});

export const MoveMedium = wire("MOVE MEDIUM", {
  operationCode,
  mediumTransportElementAddress: uint(2, 3),
  sourceElementAddress: uint(4, 5),
  destinationElementAddress: uint(6, 7),
  invert: flag(10, 0),
  control: byte(11),
});

export const ExchangeMedium = wire("EXCHANGE MEDIUM", {
  operationCode,
  mediumTransportElementAddress: uint(2, 3),
  sourceElementAddress: uint(4, 5),
  firstDestinationElementAddress: uint(6, 7),
  secondDestinationElementAddress: uint(8, 9),
  inv1: flag(10, 1),
  inv2: flag(10, 0),
  control: byte(11),
});

const elements = {
  operationCode,
  voltag: flag(1, 4),
  elementTypeCode: bits(1, 3, 0),
  startingElementAddress: uint(2, 3),
  numberOfElements: uint(4, 5),
  allocationLength: uint(7, 9),
  control: byte(11),
};

export const RequestVolumeElementAddress = wire("REQUEST VOLUME ELEMENT ADDRESS", elements);

export const SendVolumeTag = wire("SEND VOLUME TAG", {
  operationCode,
  elementTypeCode: bits(1, 3, 0),
  elementAddress: uint(2, 3),
  sendActionCode: bits(5, 4, 0),
  parameterListLength: uint(8, 9),
  control: byte(11),
});

export const ReadElementStatus = wire("READ ELEMENT STATUS", {
  ...elements,
  curdata: flag(6, 1),
  dvcid: flag(6, 0),
});
