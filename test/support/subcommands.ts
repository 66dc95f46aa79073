/** The subcommands by the names that the recordings use, and the union member that each fills. */
import type { Layout } from "../../src/protocol/layout/index.ts";
import {
  SCST_USER_ALLOC_MEM,
  SCST_USER_ATTACH_SESS,
  SCST_USER_DETACH_SESS,
  SCST_USER_EXEC,
  SCST_USER_EXT_COPY_REMAP,
  SCST_USER_ON_CACHED_MEM_FREE,
  SCST_USER_ON_FREE_CMD,
  SCST_USER_PARSE,
  SCST_USER_TASK_MGMT_DONE,
  SCST_USER_TASK_MGMT_RECEIVED,
  ScstUserGetCmd,
  ScstUserReplyCmd,
} from "../../src/protocol/scst/index.ts";

export interface Subcommand {
  readonly code: number;
  /** The member of `scst_user_get_cmd`'s union. */
  readonly get:
    | "sess"
    | "parseCmd"
    | "allocCmd"
    | "execCmd"
    | "onFreeCmd"
    | "onCachedMemFree"
    | "tmCmd"
    | "remapCmd";
  /** The member of `scst_user_reply_cmd`'s union. */
  readonly reply: "result" | "parseReply" | "allocReply" | "execReply" | "remapReply";
}

export const SUBCOMMANDS = {
  ATTACH_SESS: { code: SCST_USER_ATTACH_SESS, get: "sess", reply: "result" },
  DETACH_SESS: { code: SCST_USER_DETACH_SESS, get: "sess", reply: "result" },
  PARSE: { code: SCST_USER_PARSE, get: "parseCmd", reply: "parseReply" },
  ALLOC_MEM: { code: SCST_USER_ALLOC_MEM, get: "allocCmd", reply: "allocReply" },
  EXEC: { code: SCST_USER_EXEC, get: "execCmd", reply: "execReply" },
  ON_FREE_CMD: { code: SCST_USER_ON_FREE_CMD, get: "onFreeCmd", reply: "result" },
  ON_CACHED_MEM_FREE: {
    code: SCST_USER_ON_CACHED_MEM_FREE,
    get: "onCachedMemFree",
    reply: "result",
  },
  EXT_COPY_REMAP: { code: SCST_USER_EXT_COPY_REMAP, get: "remapCmd", reply: "remapReply" },
  TASK_MGMT_RECEIVED: { code: SCST_USER_TASK_MGMT_RECEIVED, get: "tmCmd", reply: "result" },
  TASK_MGMT_DONE: { code: SCST_USER_TASK_MGMT_DONE, get: "tmCmd", reply: "result" },
} as const satisfies Record<string, Subcommand>;

export type SubcommandName = keyof typeof SUBCOMMANDS;

export function isSubcommand(name: string): name is SubcommandName {
  return Object.hasOwn(SUBCOMMANDS, name);
}

const names = new Map<number, SubcommandName>(
  Object.entries(SUBCOMMANDS).map(([name, { code }]) => [code, name as SubcommandName]),
);

/** `"EXEC"`, or the number where it is none. */
export function subcommandName(code: number): string {
  return names.get(code) ?? `0x${code.toString(16)}`;
}

/** The layout of a member of a message's union; undefined where it is one number. */
export function memberLayout(message: "get" | "reply", member: string): Layout | undefined {
  const layout: Layout = message === "get" ? ScstUserGetCmd : ScstUserReplyCmd;
  return layout.fields.find(({ name }) => name === member)?.field.nested;
}
