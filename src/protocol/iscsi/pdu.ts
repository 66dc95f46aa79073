import type { Layout } from "../layout/index.ts";
import { Opcode } from "./constants.ts";
import {
  DataOut,
  LoginRequest,
  LogoutRequest,
  NopOut,
  ScsiCommand,
  SnackRequest,
  TaskManagementRequest,
  TextRequest,
} from "./pdu-initiator.ts";
import {
  AsyncMessage,
  DataIn,
  LoginResponse,
  LogoutResponse,
  NopIn,
  ReadyToTransfer,
  Reject,
  ScsiResponse,
  TaskManagementResponse,
  TextResponse,
} from "./pdu-target.ts";

/** The layout of each opcode's header. */
export const PDU_OF_OPCODE: ReadonlyMap<number, Layout> = new Map<number, Layout>([
  [Opcode.nopOut, NopOut],
  [Opcode.scsiCommand, ScsiCommand],
  [Opcode.taskManagementRequest, TaskManagementRequest],
  [Opcode.loginRequest, LoginRequest],
  [Opcode.textRequest, TextRequest],
  [Opcode.dataOut, DataOut],
  [Opcode.logoutRequest, LogoutRequest],
  [Opcode.snackRequest, SnackRequest],
  [Opcode.nopIn, NopIn],
  [Opcode.scsiResponse, ScsiResponse],
  [Opcode.taskManagementResponse, TaskManagementResponse],
  [Opcode.loginResponse, LoginResponse],
  [Opcode.textResponse, TextResponse],
  [Opcode.dataIn, DataIn],
  [Opcode.logoutResponse, LogoutResponse],
  [Opcode.readyToTransfer, ReadyToTransfer],
  [Opcode.asyncMessage, AsyncMessage],
  [Opcode.reject, Reject],
]);

/** The standard's name of an opcode, for logs. */
export function pduName(opcode: number): string {
  return PDU_OF_OPCODE.get(opcode)?.name ?? `opcode 0x${opcode.toString(16).padStart(2, "0")}`;
}

/** Data segments and additional header segments are padded to words of four bytes. */
export function padded(lengthBytes: number): number {
  return (lengthBytes + 3) & ~3;
}

/** a - b in serial number arithmetic of 32 bits (RFC 1982): negative when a is before b. */
export function serialDifference(a: number, b: number): number {
  return (a - b) | 0;
}

/** The serial number `count` after `sn`. */
export function serialAdd(sn: number, count: number): number {
  return (sn + count) >>> 0;
}
