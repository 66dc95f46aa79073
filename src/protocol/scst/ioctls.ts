/**
 * The ioctls of `/dev/scst_user` and the subcommands that it hands out. Numbers are derived
 * from the structs, as the C macros derive them.
 */
import { io, ior, iow, iowr } from "../layout/index.ts";
import {
  ScstUserDevDesc,
  ScstUserExtCopyRemap,
  ScstUserGetCmd,
  ScstUserGetExtCdb,
  ScstUserGetMulti,
  ScstUserOnCachedMemFree,
  ScstUserOpt,
  ScstUserPreallocBuffer,
  ScstUserReplyCmd,
  ScstUserScsiCmdAllocMem,
  ScstUserScsiCmdExec,
  ScstUserScsiCmdParse,
  ScstUserScsiOnFreeCmd,
  ScstUserSess,
  ScstUserTm,
} from "./structs.ts";

// What a program asks of the device.
export const SCST_USER_REGISTER_DEVICE = iow("u", 1, ScstUserDevDesc);
export const SCST_USER_UNREGISTER_DEVICE = io("u", 2);
export const SCST_USER_SET_OPTIONS = iow("u", 3, ScstUserOpt);
export const SCST_USER_GET_OPTIONS = ior("u", 4, ScstUserOpt);
export const SCST_USER_REPLY_AND_GET_CMD = iowr("u", 5, ScstUserGetCmd);
export const SCST_USER_REPLY_CMD = iow("u", 6, ScstUserReplyCmd);
export const SCST_USER_FLUSH_CACHE = io("u", 7);
export const SCST_USER_DEVICE_CAPACITY_CHANGED = io("u", 8);
export const SCST_USER_GET_EXTENDED_CDB = iowr("u", 9, ScstUserGetExtCdb);
export const SCST_USER_PREALLOC_BUFFER = iowr("u", 10, ScstUserPreallocBuffer);
export const SCST_USER_REPLY_AND_GET_MULTI = iowr("u", 11, ScstUserGetMulti);

// What the device asks of the program: the values of `subcode`.
export const SCST_USER_ATTACH_SESS = ior("s", 0x20, ScstUserSess);
export const SCST_USER_DETACH_SESS = ior("s", 0x21, ScstUserSess);
export const SCST_USER_PARSE = iowr("s", 1, ScstUserScsiCmdParse);
export const SCST_USER_ALLOC_MEM = iowr("s", 2, ScstUserScsiCmdAllocMem);
export const SCST_USER_EXEC = iowr("s", 3, ScstUserScsiCmdExec);
export const SCST_USER_ON_FREE_CMD = ior("s", 4, ScstUserScsiOnFreeCmd);
export const SCST_USER_ON_CACHED_MEM_FREE = ior("s", 5, ScstUserOnCachedMemFree);
export const SCST_USER_EXT_COPY_REMAP = iowr("s", 6, ScstUserExtCopyRemap);
export const SCST_USER_TASK_MGMT_RECEIVED = iowr("s", 8, ScstUserTm);
export const SCST_USER_TASK_MGMT_DONE = iowr("s", 9, ScstUserTm);
