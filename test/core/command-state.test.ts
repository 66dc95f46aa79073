import { describe, expect, test } from "vitest";
import {
  COMMAND_STATE,
  COMMAND_TRANSITIONS,
  type CommandState,
  mayFollow,
} from "../../src/core/index.ts";
import { Bench } from "../support/bench.ts";

const STATES = Object.entries(COMMAND_STATE) as [keyof typeof COMMAND_STATE, CommandState][];

/** A line a state, a column a state that may follow, in the order of the states. */
const MAY_FOLLOW = `
  .                        F I P P D T E L E D P X F
  .                        R N A R A G C O X E R M I
  .                        E I R E T T H C E V E I N
  .                        E T S P A P E A C D X T I
  FREE                     . x x . . . . . . . x . .
  INIT_WAIT                . . x . . . . . . . x . .
  PARSE                    . . . x . . . . . . x . .
  PREPARE_SPACE            . . . . x x . . . . x . .
  DATA_WAIT                . . . . . x . . . . x . .
  TGT_PRE_EXEC             . . . . . . x . . . x . .
  EXEC_CHECK               . . . . . . . x x x . . .
  LOCAL_EXEC               . . . . . . . . x x . . .
  EXEC_WAIT                . . . . . . . . . x . . .
  DEV_DONE                 . . . . . . . . . . x . .
  PRE_XMIT_RESP            . . . . . . . . . . . x .
  XMIT_WAIT                . . . . . . . . . . . . x
  FINISHED                 x . . . . . . . . . . . .
`;

const expected = new Map(
  MAY_FOLLOW.trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([name]) => name !== ".")
    .map(([name, ...cells]) => [name as string, cells]),
);

describe("the table of command states", () => {
  test("has a line for every state, and a column", () => {
    expect([...expected.keys()]).toEqual(STATES.map(([name]) => name));
    for (const cells of expected.values()) expect(cells).toHaveLength(STATES.length);
  });

  describe.each(STATES)("%s", (name, state) => {
    test.each(STATES)("then %s", (_next, next) => {
      const allowed = expected.get(name)?.[next] === "x";
      const { session } = Bench.withDisk().login();
      const command = session.command();
      command.state = state;
      expect(mayFollow(state, next)).toBe(allowed);
      if (allowed) {
        command.moveTo(next);
        expect(command.state).toBe(next);
      } else {
        expect(() => command.moveTo(next)).toThrow(
          expect.objectContaining({ code: "COMMAND_STATE" }),
        );
        expect(command.state).toBe(state);
      }
    });
  });

  test("every state leads back to FREE", () => {
    for (const [, state] of STATES) expect(reachable(state)).toContain(COMMAND_STATE.FREE);
  });

  test("every state is reached from FREE", () => {
    expect(reachable(COMMAND_STATE.FREE).size).toBe(STATES.length);
  });
});

function reachable(from: CommandState): Set<CommandState> {
  const found = new Set<CommandState>();
  const wave: CommandState[] = [...COMMAND_TRANSITIONS[from]];
  for (let state = wave.pop(); state !== undefined; state = wave.pop()) {
    if (found.has(state)) continue;
    found.add(state);
    wave.push(...COMMAND_TRANSITIONS[state]);
  }
  return found;
}
