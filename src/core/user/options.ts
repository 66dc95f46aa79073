import {
  SCST_D_SENSE_1_DESCR_SENSE,
  SCST_QERR_3_ABORT_THIS_NEXUS_ONLY,
  SCST_QERR_2_RESERVED,
  SCST_QUEUE_ALG_1_UNRESTRICTED_REORDER,
  SCST_TST_1_SEP_TASK_SETS,
  SCST_USER_MAX_MEM_REUSE_OPT,
  SCST_USER_MAX_ON_FREE_CMD_OPT,
  SCST_USER_MAX_PARSE_OPT,
  SCST_USER_MAX_PARTIAL_TRANSFERS_OPT,
  ScstUserOpt,
} from "../../protocol/scst/index.ts";

/** A `scst_user_opt` by its fields. */
export type UserOptions = Readonly<Record<OptionName, number>>;

type OptionName = keyof typeof LIMITS;

/** The greatest valid value of each option; `partial_len` may be anything. */
const LIMITS = {
  parseType: SCST_USER_MAX_PARSE_OPT,
  onFreeCmdType: SCST_USER_MAX_ON_FREE_CMD_OPT,
  memoryReuseType: SCST_USER_MAX_MEM_REUSE_OPT,
  partialTransfersType: SCST_USER_MAX_PARTIAL_TRANSFERS_OPT,
  partialLen: Number.POSITIVE_INFINITY,
  tst: SCST_TST_1_SEP_TASK_SETS,
  tmfOnly: 1,
  queueAlg: SCST_QUEUE_ALG_1_UNRESTRICTED_REORDER,
  qerr: SCST_QERR_3_ABORT_THIS_NEXUS_ONLY,
  tas: 1,
  swp: 1,
  dSense: SCST_D_SENSE_1_DESCR_SENSE,
  hasOwnOrderMgmt: 1,
  extCopyRemapSupported: 1,
} as const;

const NAMES = Object.keys(LIMITS) as OptionName[];

type OptView = ReturnType<typeof ScstUserOpt.view>;

/** The options in `view`, or undefined where one is out of range (EINVAL). */
export function readOptions(view: OptView): UserOptions | undefined {
  const values = Object.fromEntries(NAMES.map((name) => [name, view[name]])) as UserOptions;
  const valid =
    NAMES.every((name) => values[name] <= LIMITS[name]) && values.qerr !== SCST_QERR_2_RESERVED;
  return valid ? values : undefined;
}

export function writeOptions(view: OptView, options: UserOptions): void {
  for (const name of NAMES) view[name] = options[name];
}
