import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type PollHandle, Readiness } from "../../../src/sdk/native/readiness.ts";

/** libuv's poll, turned by hand. */
class FakePoll implements PollHandle {
  readonly calls: string[] = [];
  callback: () => void = () => undefined;

  readonly open = (_fd: number, callback: () => void): PollHandle => {
    this.calls.push("open");
    this.callback = callback;
    return this;
  };
  start(): void {
    this.calls.push("start");
  }
  stop(): void {
    this.calls.push("stop");
  }
  close(): void {
    this.calls.push("close");
  }
}

describe("who is called back in the turn in which the file was added is added again", () => {
  test.each([
    ["nothing is ready: once", [], ["open"]],
    ["at the first turn", [1], ["open", "stop", "start"]],
    ["at two turns", [1, 2], ["open", "stop", "start", "stop", "start"]],
    ["later only", [5], ["open"]],
  ])("%s", async (_title, ready, calls) => {
    const poll = new FakePoll();
    const readiness = new Readiness(poll.open, 3, () => undefined);
    let turn = 0;
    await readiness.noted(async () => {
      if (ready.includes(++turn)) poll.callback();
    });
    expect(poll.calls).toEqual(calls);
  });
});

test("a closed one is neither called back nor added again", async () => {
  const poll = new FakePoll();
  let calls = 0;
  const readiness = new Readiness(poll.open, 3, () => calls++);
  await readiness.noted(async () => {
    poll.callback();
    readiness.close();
    poll.callback();
  });
  readiness.close();
  expect([calls, poll.calls]).toEqual([1, ["open", "close"]]);
});

test("what the callback throws is an uncaught exception, though koffi drops it", () => {
  const module = join(import.meta.dirname, "../../../src/sdk/native/readiness.ts");
  const program = `
    import { Readiness } from ${JSON.stringify(module)};
    let call;
    const open = (fd, callback) => { call = callback; return { close() {} }; };
    new Readiness(open, 3, () => { throw new Error("a bug"); });
    process.on("uncaughtException", ({ message }) => console.log("uncaught:", message));
    try { call(); } catch { console.log("thrown"); }
  `;
  const output = execFileSync(process.execPath, ["--import", "tsx", "--input-type=module"], {
    input: program,
    encoding: "utf8",
  });
  expect(output).toBe("uncaught: a bug\n");
});
