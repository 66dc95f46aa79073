/**
 * The constants of `scst_user.h` and of what it takes from `scst_const.h`, under their C names.
 */

// How commands are parsed: `parse_type`.
export const SCST_USER_PARSE_STANDARD = 0;
export const SCST_USER_PARSE_CALL = 1;
export const SCST_USER_PARSE_EXCEPTION = 2;
export const SCST_USER_MAX_PARSE_OPT = 2;

// Whether ON_FREE_CMD is sent: `on_free_cmd_type`.
export const SCST_USER_ON_FREE_CMD_CALL = 0;
export const SCST_USER_ON_FREE_CMD_IGNORE = 1;
export const SCST_USER_MAX_ON_FREE_CMD_OPT = 1;

// Which buffers are kept for reuse: `memory_reuse_type`.
export const SCST_USER_MEM_NO_REUSE = 0;
export const SCST_USER_MEM_REUSE_READ = 1;
export const SCST_USER_MEM_REUSE_WRITE = 2;
export const SCST_USER_MEM_REUSE_ALL = 3;
export const SCST_USER_MAX_MEM_REUSE_OPT = 3;

// `partial_transfers_type`: accepted by SCST and without effect.
export const SCST_USER_PARTIAL_TRANSFERS_NOT_SUPPORTED = 0;
export const SCST_USER_PARTIAL_TRANSFERS_SUPPORTED_ORDERED = 1;
export const SCST_USER_PARTIAL_TRANSFERS_SUPPORTED = 2;
export const SCST_USER_MAX_PARTIAL_TRANSFERS_OPT = 2;

// States of a command at the user device.
export const UCMD_STATE_NEW = 0;
export const UCMD_STATE_PARSING = 1;
export const UCMD_STATE_BUF_ALLOCING = 2;
export const UCMD_STATE_EXECING = 3;
export const UCMD_STATE_ON_FREEING = 4;
export const UCMD_STATE_ON_CACHE_FREEING = 5;
export const UCMD_STATE_EXT_COPY_REMAPPING = 6;
export const UCMD_STATE_ON_FREE_SKIPPED = 7;
export const UCMD_STATE_TM_RECEIVED_EXECING = 8;
export const UCMD_STATE_TM_DONE_EXECING = 9;
export const UCMD_STATE_ATTACH_SESS = 0x20;
export const UCMD_STATE_DETACH_SESS = 0x21;

// `reply_type` of an EXEC reply.
export const SCST_EXEC_REPLY_BACKGROUND = 0;
export const SCST_EXEC_REPLY_COMPLETED = 1;
export const SCST_EXEC_REPLY_DO_WRITE_SAME = 2;

// Sizes and limits.
export const SCST_MAX_CDB_SIZE = 16;
export const SCST_MAX_LONG_CDB_SIZE = 65536;
export const SCST_MAX_NAME = 50;
export const SCST_MAX_EXTERNAL_NAME = 256;
export const SCST_MAX_LUN = 16383;
export const SCST_MAX_REL_TGT_ID = 65535;

// `delivery_status` of ON_FREE_CMD.
export const SCST_CMD_DELIVERY_SUCCESS = 0;
export const SCST_CMD_DELIVERY_FAILED = -1;
export const SCST_CMD_DELIVERY_ABORTED = -2;

// Task management functions: `fn`.
export const SCST_ABORT_TASK = 0;
export const SCST_ABORT_TASK_SET = 1;
export const SCST_CLEAR_ACA = 2;
export const SCST_CLEAR_TASK_SET = 3;
export const SCST_LUN_RESET = 4;
export const SCST_TARGET_RESET = 5;
export const SCST_NEXUS_LOSS_SESS = 6;
export const SCST_ABORT_ALL_TASKS_SESS = 7;
export const SCST_NEXUS_LOSS = 8;
export const SCST_ABORT_ALL_TASKS = 9;
export const SCST_PR_ABORT_ALL = 11;

// Data directions: `data_direction`.
export const SCST_DATA_DIR_MAX = 5;
export const SCST_DATA_UNKNOWN = 0;
export const SCST_DATA_WRITE = 1;
export const SCST_DATA_READ = 2;
export const SCST_DATA_BIDI = 3;
export const SCST_DATA_NONE = 4;

// Task attributes: `queue_type`.
export const SCST_CMD_QUEUE_UNTAGGED = 0;
export const SCST_CMD_QUEUE_SIMPLE = 1;
export const SCST_CMD_QUEUE_ORDERED = 2;
export const SCST_CMD_QUEUE_HEAD_OF_QUEUE = 3;
export const SCST_CMD_QUEUE_ACA = 4;

// Control mode page values: `tst`, `queue_alg`, `d_sense`, `qerr`.
export const SCST_TST_0_SINGLE_TASK_SET = 0;
export const SCST_TST_1_SEP_TASK_SETS = 1;
export const SCST_QUEUE_ALG_0_RESTRICTED_REORDER = 0;
export const SCST_QUEUE_ALG_1_UNRESTRICTED_REORDER = 1;
export const SCST_D_SENSE_0_FIXED_SENSE = 0;
export const SCST_D_SENSE_1_DESCR_SENSE = 1;
export const SCST_QERR_0_ALL_RESUME = 0;
export const SCST_QERR_1_ABORT_ALL = 1;
export const SCST_QERR_2_RESERVED = 2;
export const SCST_QERR_3_ABORT_THIS_NEXUS_ONLY = 3;

// Flags of an opcode: `op_flags`.
export const SCST_SMALL_TIMEOUT = 0x1;
export const SCST_LONG_TIMEOUT = 0x2;
export const SCST_TRANSFER_LEN_TYPE_FIXED = 0x4;
export const SCST_UNKNOWN_LBA = 0x8;
export const SCST_UNKNOWN_LENGTH = 0x10;
export const SCST_INFO_VALID = 0x20;
export const SCST_LBA_NOT_VALID = 0x40;
export const SCST_IMPLICIT_HQ = 0x80;
export const SCST_SKIP_UA = 0x100;
export const SCST_WRITE_MEDIUM = 0x200;
export const SCST_LOCAL_CMD = 0x400;
export const SCST_FULLY_LOCAL_CMD = 0x800;
export const SCST_REG_RESERVE_ALLOWED = 0x1000;
export const SCST_WRITE_EXCL_ALLOWED = 0x2000;
export const SCST_EXCL_ACCESS_ALLOWED = 0x4000;
export const SCST_SERIALIZED = 0x10000;
export const SCST_STRICTLY_SERIALIZED = 0x30000;
export const SCST_CAN_GEN_3PARTY_COMMANDS = 0x40000;
export const SCST_DESCRIPTORS_BASED = 0x80000;
export const SCST_SCSI_ATOMIC = 0x100000;

// LUN addressing methods (SAM-5, "LUN representation format").
export const SCST_LUN_ADDR_METHOD_PERIPHERAL = 0;
export const SCST_LUN_ADDR_METHOD_FLAT = 1;
export const SCST_LUN_ADDR_METHOD_LUN = 2;
export const SCST_LUN_ADDR_METHOD_EXTENDED_LUN = 3;

// Transport protocol identifier of the copy manager's TransportID.
export const SCST_TRANSPORTID_PROTOCOLID_COPY_MGR = 12;

// Asymmetric access states of a target port group.
export const SCST_TG_STATE_UNDEFINED = -1;
export const SCST_TG_STATE_OPTIMIZED = 0;
export const SCST_TG_STATE_NONOPTIMIZED = 1;
export const SCST_TG_STATE_STANDBY = 2;
export const SCST_TG_STATE_UNAVAILABLE = 3;
export const SCST_TG_STATE_LBA_DEPENDENT = 4;
export const SCST_TG_STATE_OFFLINE = 14;
export const SCST_TG_STATE_TRANSITIONING = 15;

// Which asymmetric access states are supported.
export const SCST_TG_SUP_OPTIMIZED = 0x1;
export const SCST_TG_SUP_NONOPTIMIZED = 0x2;
export const SCST_TG_SUP_STANDBY = 0x4;
export const SCST_TG_SUP_UNAVAILABLE = 0x8;
export const SCST_TG_SUP_LBA_DEPENDENT = 0x10;
export const SCST_TG_SUP_OFFLINE = 0x40;
export const SCST_TG_SUP_TRANSITION = 0x80;
