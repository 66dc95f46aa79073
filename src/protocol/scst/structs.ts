/**
 * The structs of `scst_user.h`, the interface between the SCST core and a user space device
 * handler. Fields have the C names in camelCase. The ABI is that of SCST 3.2 to 3.11.
 */
import {
  address,
  bytes,
  cString,
  handle,
  nest,
  s16,
  s32,
  s64,
  struct,
  u8,
  u16,
  u32,
  u64,
  union,
} from "../layout/index.ts";
import { SCST_MAX_CDB_SIZE, SCST_MAX_EXTERNAL_NAME, SCST_MAX_NAME } from "./constants.ts";

/** Options of a device: how its commands are parsed, freed and ordered. */
export const ScstUserOpt = struct("scst_user_opt", {
  parseType: u8,
  onFreeCmdType: u8,
  memoryReuseType: u8,
  partialTransfersType: u8,
  partialLen: s32,
  tst: u8,
  tmfOnly: u8,
  queueAlg: u8,
  qerr: u8,
  tas: u8,
  swp: u8,
  dSense: u8,
  hasOwnOrderMgmt: u8,
  extCopyRemapSupported: u8,
});

/** What REGISTER_DEVICE takes. */
export const ScstUserDevDesc = struct("scst_user_dev_desc", {
  versionStr: address,
  licenseStr: address,
  type: u8,
  sgvShared: u8,
  sgvDisableClusteredPool: u8,
  sgvSingleAllocPages: s32,
  sgvPurgeInterval: s32,
  opt: nest(ScstUserOpt),
  blockSize: u32,
  enablePrCmdsNotifications: u8,
  name: cString(SCST_MAX_NAME),
  sgvName: cString(SCST_MAX_NAME),
});

/** ATTACH_SESS; of DETACH_SESS only `sessH` means anything. */
export const ScstUserSess = struct("scst_user_sess", {
  sessH: handle,
  lun: u64,
  threadsNum: u16,
  rdOnly: u8,
  scsiTransportVersion: u16,
  physTransportVersion: u16,
  initiatorName: cString(SCST_MAX_EXTERNAL_NAME),
  targetName: cString(SCST_MAX_EXTERNAL_NAME),
});

export const ScstUserScsiCmdParse = struct("scst_user_scsi_cmd_parse", {
  sessH: handle,
  cdb: bytes(SCST_MAX_CDB_SIZE),
  cdbLen: u16,
  lba: s64,
  dataLen: s64,
  bufflen: s32,
  outBufflen: s32,
  timeout: s32,
  opFlags: u32,
  queueType: u8,
  dataDirection: u8,
  expectedValuesSet: u8,
  expectedDataDirection: u8,
  expectedTransferLen: s32,
  expectedOutTransferLen: s32,
  sn: u32,
});

export const ScstUserScsiCmdAllocMem = struct("scst_user_scsi_cmd_alloc_mem", {
  sessH: handle,
  cdb: bytes(SCST_MAX_CDB_SIZE),
  cdbLen: u16,
  allocLen: s32,
  queueType: u8,
  dataDirection: u8,
  sn: u32,
});

export const ScstUserScsiCmdExec = struct("scst_user_scsi_cmd_exec", {
  sessH: handle,
  cdb: bytes(SCST_MAX_CDB_SIZE),
  cdbLen: u16,
  lba: s64,
  dataLen: s64,
  bufflen: s32,
  allocLen: s32,
  pbuf: address,
  queueType: u8,
  dataDirection: u8,
  partial: u8,
  timeout: s32,
  pOutBuf: address,
  outBufflen: s32,
  sn: u32,
  parentCmdH: u32,
  parentCmdDataLen: s32,
  partialOffset: u32,
});

export const ScstUserScsiOnFreeCmd = struct("scst_user_scsi_on_free_cmd", {
  pbuf: address,
  respDataLen: s32,
  bufferCached: u8,
  aborted: u8,
  status: u8,
  deliveryStatus: u8,
});

export const ScstUserOnCachedMemFree = struct("scst_user_on_cached_mem_free", {
  pbuf: address,
});

/** TASK_MGMT_RECEIVED and TASK_MGMT_DONE. */
export const ScstUserTm = struct("scst_user_tm", {
  sessH: handle,
  fn: u32,
  cmdHToAbort: u32,
  cmdSn: u32,
  cmdSnSet: u8,
});

/** One extent of an EXTENDED COPY; `dataLen` is in bytes. */
export const ScstUserExtCopyDataDescr = struct("scst_user_ext_copy_data_descr", {
  srcLba: u64,
  dstLba: u64,
  dataLen: s32,
});

export const ScstUserExtCopyRemap = struct("scst_user_ext_copy_remap", {
  sessH: handle,
  srcSessH: handle,
  dstSessH: handle,
  dataDescr: nest(ScstUserExtCopyDataDescr),
});

/** A subcommand that the core hands to the handler. `preply` is read, the others are written. */
export const ScstUserGetCmd = struct("scst_user_get_cmd", {
  cmdH: u32,
  subcode: u32,
  ...union(
    { preply: address },
    { sess: nest(ScstUserSess) },
    { parseCmd: nest(ScstUserScsiCmdParse) },
    { allocCmd: nest(ScstUserScsiCmdAllocMem) },
    { execCmd: nest(ScstUserScsiCmdExec) },
    { onFreeCmd: nest(ScstUserScsiOnFreeCmd) },
    { onCachedMemFree: nest(ScstUserOnCachedMemFree) },
    { tmCmd: nest(ScstUserTm) },
    { remapCmd: nest(ScstUserExtCopyRemap) },
  ),
});

/** A PARSE reply: with GOOD status the first group, with CHECK CONDITION the sense. */
export const ScstUserScsiCmdReplyParse = struct("scst_user_scsi_cmd_reply_parse", {
  status: u8,
  ...union(
    {
      queueType: u8,
      dataDirection: u8,
      cdbLen: u16,
      lba: s64,
      dataLen: s64,
      bufflen: s32,
      opFlags: u32,
      outBufflen: s32,
    },
    { senseLen: u8, psenseBuffer: address },
  ),
});

export const ScstUserScsiCmdReplyAllocMem = struct("scst_user_scsi_cmd_reply_alloc_mem", {
  pbuf: address,
});

/** A range of blocks for a WRITE SAME that the core shall do; the list ends with a zero one. */
export const ScstUserDataDescriptor = struct("scst_user_data_descriptor", {
  usddLba: u64,
  usddBlocks: u64,
});

export const ScstUserScsiCmdReplyExec = struct("scst_user_scsi_cmd_reply_exec", {
  respDataLen: s32,
  pbuf: address,
  replyType: u8,
  status: u8,
  ...union(
    { senseLen: u8, psenseBuffer: address },
    { wsDescriptorsLen: u16, wsDescriptors: address },
  ),
});

export const ScstUserExtCopyReplyRemap = struct("scst_user_ext_copy_reply_remap", {
  remapDescriptors: address,
  remapDescriptorsLen: u16,
  status: u8,
  senseLen: u8,
  psenseBuffer: address,
});

/** The handler's answer to a subcommand. */
export const ScstUserReplyCmd = struct("scst_user_reply_cmd", {
  cmdH: u32,
  subcode: u32,
  ...union(
    { result: s32 },
    { parseReply: nest(ScstUserScsiCmdReplyParse) },
    { allocReply: nest(ScstUserScsiCmdReplyAllocMem) },
    { execReply: nest(ScstUserScsiCmdReplyExec) },
    { remapReply: nest(ScstUserExtCopyReplyRemap) },
  ),
});

/** GET_EXTENDED_CDB: where the CDB bytes after the first 16 go. */
export const ScstUserGetExtCdb = struct("scst_user_get_ext_cdb", {
  cmdH: u32,
  extCdbBuffer: address,
});

export const ScstUserPreallocBufferIn = struct("scst_user_prealloc_buffer_in", {
  pbuf: address,
  bufflen: u32,
  forClustPool: u8,
});

export const ScstUserPreallocBufferOut = struct("scst_user_prealloc_buffer_out", {
  cmdH: u32,
});

export const ScstUserPreallocBuffer = struct("scst_user_prealloc_buffer", {
  ...union({ in: nest(ScstUserPreallocBufferIn) }, { out: nest(ScstUserPreallocBufferOut) }),
});

/**
 * The head of REPLY_AND_GET_MULTI's argument. `cmdsCnt` is the room for `scst_user_get_cmd`
 * structs that follow the head, and after the call how many were filled in.
 */
export const ScstUserGetMulti = struct("scst_user_get_multi", {
  preplies: address,
  repliesCnt: s16,
  repliesDone: s16,
  cmdsCnt: s16,
  pad: s16,
});
