import { expect, test } from "vitest";
import { Arrival, CmdSnWindow } from "../../../src/targets/iscsi/cmd-sn-window.ts";

test("numbers go on behind 2^32 - 1", () => {
  const window = new CmdSnWindow(0xffff_fffe, 4);
  expect(window.arrive(0xffff_ffff)).toBe(Arrival.early);
  expect(window.arrive(0xffff_fffe)).toBe(Arrival.inOrder);
  expect(window.arrive(0xffff_ffff)).toBe(Arrival.inOrder);
  expect(window.expCmdSn).toBe(0);
  expect(window.maxCmdSn).toBe(1);
  expect(window.arrive(2)).toBe(Arrival.ignored);
  window.over();
  expect(window.arrive(2)).toBe(Arrival.early);
});

test("a number that is skipped is passed as soon as it is next, and its request is ignored", () => {
  const window = new CmdSnWindow(10, 8);
  expect(window.isAwaited(11, 12)).toBe(true);
  expect(window.isAwaited(12, 12)).toBe(false);
  expect(window.isAwaited(9, 12)).toBe(false);
  window.skip(11);
  expect(window.arrive(11)).toBe(Arrival.ignored);
  expect(window.expCmdSn).toBe(10);
  expect(window.arrive(10)).toBe(Arrival.inOrder);
  expect(window.expCmdSn).toBe(12);
  window.skip(12);
  expect(window.expCmdSn).toBe(13);
  expect(window.outstanding).toBe(1);
  expect(window.arrive(12)).toBe(Arrival.ignored);
});
