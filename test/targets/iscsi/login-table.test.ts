import { describe, expect, test } from "vitest";
import {
  LOGIN_EVENTS,
  LOGIN_STATES,
  LOGIN_TABLE,
  loginEvent,
} from "../../../src/targets/iscsi/login-table.ts";

// RFC 7143, "Login Phase": a row is a state, a column an event. T is in the answer where an
// arrow stands; a number is the status that ends the login.
const EXPECTED = `
                             unauthenticated   authenticating    authenticated     operational
security                     unauthenticated   authenticating    authenticated     0200
security to operational      0201              authenticating    -> operational    0200
security to full feature     0201              authenticating    -> full feature   0200
operational                  0201              0201              operational       operational
operational to full feature  0201              0201              -> full feature   -> full feature
impossible                   0200              0200              0200              0200
`;

describe("the login table", () => {
  test("cell by cell", () => {
    const width = 18;
    const lines = LOGIN_EVENTS.map((event) => {
      const cells = LOGIN_STATES.map((state) => {
        const step = LOGIN_TABLE[state][event];
        if ("refuse" in step) return step.refuse.toString(16).padStart(4, "0");
        return step.transit ? `-> ${step.next}` : step.next;
      });
      return event.padEnd(29) + cells.map((cell) => cell.padEnd(width)).join("");
    });
    const head = " ".repeat(29) + LOGIN_STATES.map((state) => state.padEnd(width)).join("");
    const text = [head, ...lines].map((line) => line.trimEnd()).join("\n");
    expect(`\n${text}\n`).toBe(EXPECTED);
  });

  test("every combination of stage bits is an event", () => {
    const events = new Map<string, string>();
    for (const continues of [false, true]) {
      for (const transit of [false, true]) {
        for (const currentStage of [0, 1, 2, 3]) {
          for (const nextStage of [0, 1, 2, 3]) {
            const event = loginEvent({ transit, continues, currentStage, nextStage });
            if (event === "impossible") continue;
            const next = transit ? nextStage : "-";
            events.set(`${Number(continues)} ${currentStage} ${next}`, event);
          }
        }
      }
    }
    expect(Object.fromEntries(events)).toEqual({
      "0 0 -": "security",
      "0 0 1": "security to operational",
      "0 0 3": "security to full feature",
      "0 1 -": "operational",
      "0 1 3": "operational to full feature",
      "1 0 -": "security",
      "1 1 -": "operational",
    });
  });
});
