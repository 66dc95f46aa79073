import { UsageError } from "../../protocol/errors.ts";
import { DEVICE_TYPE } from "../../protocol/scsi/index.ts";
import {
  SCST_MAX_NAME,
  SCST_USER_MEM_NO_REUSE,
  SCST_USER_MEM_REUSE_ALL,
  SCST_USER_MEM_REUSE_READ,
  SCST_USER_MEM_REUSE_WRITE,
  SCST_USER_ON_FREE_CMD_CALL,
  SCST_USER_ON_FREE_CMD_IGNORE,
  SCST_USER_PARSE_CALL,
  SCST_USER_PARSE_EXCEPTION,
  SCST_USER_PARSE_STANDARD,
  ScstUserOpt,
} from "../../protocol/scst/index.ts";
import type { DeviceHandler } from "../handler.ts";

const PARSE = {
  standard: SCST_USER_PARSE_STANDARD,
  call: SCST_USER_PARSE_CALL,
  exception: SCST_USER_PARSE_EXCEPTION,
} as const;

const MEMORY_REUSE = {
  none: SCST_USER_MEM_NO_REUSE,
  read: SCST_USER_MEM_REUSE_READ,
  write: SCST_USER_MEM_REUSE_WRITE,
  all: SCST_USER_MEM_REUSE_ALL,
} as const;

type OptView = ReturnType<typeof ScstUserOpt.view>;

/** Writes a handler's options as the ABI has them. */
export function writeHandlerOptions(view: OptView, handler: DeviceHandler): void {
  const { options = {} } = handler;
  const reuse = options.memoryReuse ?? "all";
  const onFree = options.onFree ?? (handler.onFree === undefined ? "ignore" : "call");
  view.parseType = PARSE[options.parse ?? "standard"];
  view.memoryReuseType = MEMORY_REUSE[reuse];
  // Memory that the core does not keep must come back by ON_FREE_CMD.
  view.onFreeCmdType =
    reuse === "all" && onFree === "ignore"
      ? SCST_USER_ON_FREE_CMD_IGNORE
      : SCST_USER_ON_FREE_CMD_CALL;
  view.tst = options.taskSetType ?? 1;
  view.queueAlg = options.queueAlgorithm ?? 1;
  view.qerr = options.queueErrorManagement ?? 0;
  view.tas = options.taskAbortedStatus === true ? 1 : 0;
  view.swp = options.softwareWriteProtect === true ? 1 : 0;
  view.dSense = options.descriptorSense === true ? 1 : 0;
  view.tmfOnly = options.taskManagementFunctionsOnly === true ? 1 : 0;
  view.hasOwnOrderMgmt = options.ownOrderManagement === true ? 1 : 0;
  const remaps = options.extendedCopyRemap ?? handler.extendedCopyRemap !== undefined;
  view.extCopyRemapSupported = remaps ? 1 : 0;
}

/** Says what is wrong before the core can only say EINVAL. */
export function checkHandler(name: string, handler: DeviceHandler): void {
  if (!/^[^./]+$/.test(name) || name.length > SCST_MAX_NAME - 2) {
    throw new UsageError(
      "DEVICE_NAME",
      `device name "${name}": it must have 1 to ${SCST_MAX_NAME - 2} characters, ` +
        `none of them "." or "/"`,
    );
  }
  const { blockSize, type } = handler;
  const hasBlocks =
    type === DEVICE_TYPE.DISK || type === DEVICE_TYPE.CDROM || type === DEVICE_TYPE.MO;
  const powerOfTwo = blockSize > 0 && Number.isInteger(Math.log2(blockSize));
  if (hasBlocks && (blockSize < 512 || !powerOfTwo)) {
    throw new UsageError(
      "BLOCK_SIZE",
      `block size ${blockSize} of ${name}: it must be a power of two from 512 up`,
    );
  }
  if (handler.options?.extendedCopyRemap === true && handler.extendedCopyRemap === undefined) {
    throw new UsageError(
      "REMAP_MISSING",
      `${name} wants extendedCopyRemap and has no extendedCopyRemap()`,
    );
  }
  if (handler.options?.parse !== undefined && handler.options.parse !== "standard") {
    if (handler.parse === undefined) {
      throw new UsageError(
        "PARSE_MISSING",
        `${name} wants parse: "${handler.options.parse}" and has no parse()`,
      );
    }
  }
}
