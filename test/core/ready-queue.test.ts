import { describe, expect, test } from "vitest";
import type { Command } from "../../src/core/index.ts";
import { ReadyQueue } from "../../src/core/user/ready-queue.ts";
import { UserCommand } from "../../src/core/user/user-command.ts";
import {
  SCST_CMD_QUEUE_HEAD_OF_QUEUE,
  SCST_CMD_QUEUE_ORDERED,
  SCST_CMD_QUEUE_SIMPLE,
  UCMD_STATE_ATTACH_SESS,
  UCMD_STATE_BUF_ALLOCING,
  UCMD_STATE_DETACH_SESS,
  UCMD_STATE_EXECING,
  UCMD_STATE_ON_CACHE_FREEING,
  UCMD_STATE_ON_FREEING,
  UCMD_STATE_PARSING,
  UCMD_STATE_TM_DONE_EXECING,
  UCMD_STATE_TM_RECEIVED_EXECING,
} from "../../src/protocol/scst/index.ts";

const KINDS = {
  attach: [UCMD_STATE_ATTACH_SESS],
  detach: [UCMD_STATE_DETACH_SESS],
  received: [UCMD_STATE_TM_RECEIVED_EXECING],
  done: [UCMD_STATE_TM_DONE_EXECING],
  parse: [UCMD_STATE_PARSING],
  alloc: [UCMD_STATE_BUF_ALLOCING],
  head: [UCMD_STATE_EXECING, SCST_CMD_QUEUE_HEAD_OF_QUEUE],
  simple: [UCMD_STATE_EXECING, SCST_CMD_QUEUE_SIMPLE],
  ordered: [UCMD_STATE_EXECING, SCST_CMD_QUEUE_ORDERED],
  free: [UCMD_STATE_ON_FREEING],
  cached: [UCMD_STATE_ON_CACHE_FREEING],
} as const satisfies Record<string, readonly number[]>;

/** One waiting subcommand of a kind, and a number: `"parse 2"`. */
function userCommand(name: string): UserCommand {
  const kind = name.split(" ")[0] as keyof typeof KINDS;
  const [state, taskAttribute] = KINDS[kind] as readonly [number, number?];
  const made = new UserCommand(0);
  made.state = state;
  if (taskAttribute !== undefined) made.command = { taskAttribute } as Command;
  return made;
}

function queueOf(names: readonly string[]) {
  const queue = new ReadyQueue();
  const byCommand = new Map<UserCommand, string>();
  for (const name of names) {
    const made = userCommand(name);
    byCommand.set(made, name);
    queue.add(made);
  }
  const takeAll = () => {
    const taken: string[] = [];
    for (let next = queue.take(); next !== undefined; next = queue.take()) {
      taken.push(byCommand.get(next) as string);
    }
    return taken;
  };
  const find = (name: string) =>
    [...byCommand].find(([, each]) => each === name)?.[0] as UserCommand;
  return { queue, takeAll, find };
}

describe("the order of what is handed out", () => {
  test.each([
    ["commands come as they came", ["simple 1", "ordered 2", "simple 3"], undefined],
    [
      "sessions and task management too",
      ["attach 1", "received 2", "done 3", "detach 4"],
      undefined,
    ],
    [
      "they go before commands",
      ["simple 1", "parse 2", "attach 3", "head 4", "received 5"],
      ["attach 3", "received 5", "head 4", "parse 2", "simple 1"],
    ],
    [
      "what holds a command up goes first, the newest before the others",
      ["simple 1", "parse 2", "alloc 3", "head 4"],
      ["head 4", "alloc 3", "parse 2", "simple 1"],
    ],
    [
      "what is over goes last",
      ["free 1", "simple 2", "cached 3", "parse 4"],
      ["parse 4", "free 1", "simple 2", "cached 3"],
    ],
  ])("%s", (_title, added, taken) => {
    expect(queueOf(added).takeAll()).toEqual(taken ?? added);
  });
});

describe("taking one out of the middle", () => {
  test("removes it once", () => {
    const { queue, find, takeAll } = queueOf(["simple 1", "simple 2", "simple 3"]);
    expect(queue.remove(find("simple 2"))).toBe(true);
    expect(queue.remove(find("simple 2"))).toBe(false);
    expect(queue.length).toBe(2);
    expect(takeAll()).toEqual(["simple 1", "simple 3"]);
  });

  test("one that was handed out is not there", () => {
    const { queue } = queueOf(["simple 1"]);
    const taken = queue.take() as UserCommand;
    expect(queue.remove(taken)).toBe(false);
  });
});

describe("putting back", () => {
  test.each(["simple 1", "attach 1", "cached 1"])("%s is the next again", (name) => {
    const kind = name.split(" ")[0] as string;
    const { queue } = queueOf([name, `${kind} 2`]);
    const first = queue.take() as UserCommand;
    if (kind === "cached") first.buffer = {} as NonNullable<UserCommand["buffer"]>;
    queue.putBack(first);
    expect(queue.take()).toBe(first);
  });
});
