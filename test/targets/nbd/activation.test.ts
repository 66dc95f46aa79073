import { expect, test } from "vitest";
import { activationSockets } from "../../../src/targets/nbd/activation.ts";

test.each([
  ["two sockets", { LISTEN_PID: "42", LISTEN_FDS: "2" }, [3, 4]],
  ["for another process", { LISTEN_PID: "43", LISTEN_FDS: "2" }, []],
  ["none", {}, []],
  ["no number", { LISTEN_PID: "42", LISTEN_FDS: "two" }, []],
  ["a negative number", { LISTEN_PID: "42", LISTEN_FDS: "-1" }, []],
  ["too many", { LISTEN_PID: "42", LISTEN_FDS: "100000" }, []],
])("%s", (_what, environment, expected) => {
  expect(activationSockets(environment, 42)).toEqual(expected);
});
