/** However the process ends while its threads are in native calls, it neither hangs nor aborts. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const program = join(import.meta.dirname, "support/group-program.ts");

async function run(kind: string, how: string) {
  const child = spawn(process.execPath, ["--import", "tsx", program, kind, how]);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const ended = await new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.once("close", (code, signal) => resolve({ code, signal })),
  );
  return { ...ended, output };
}

describe.each([
  ["in native calls all the time", "busy"],
  ["that wait in native calls", "blocked"],
])("a process with four threads %s ends", (_title, kind) => {
  test.each([
    ["with process.exit()", "exit", { code: 7, signal: null }, ""],
    ["with an uncaught exception", "throw", { code: 1, signal: null }, "Error: a bug\n"],
    ["with one of a thread", "thread", { code: 1, signal: null }, "Error: a bug in a thread\n"],
    ["with SIGTERM", "signal", { code: null, signal: "SIGTERM" }, ""],
    ["when its threads have ended", "end", { code: 0, signal: null }, "ended\n"],
  ])("%s", async (_how, how, expected, text) => {
    const { code, signal, output } = await run(kind, how);
    expect({ code, signal }).toEqual(expected);
    expect(output).toContain(text);
    expect(output).not.toContain("FATAL");
  });
});
