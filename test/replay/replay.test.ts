import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Difference, judge } from "./differences.ts";
import { readExpected } from "./expected.ts";
import { replay } from "./player.ts";
import { EXIT, run } from "./run.ts";
import { parseTrace, readTrace } from "./trace.ts";

const folder = join(import.meta.dirname, "../fixtures/scst-abi/traces");
const traces = readdirSync(folder).filter((file) => file.endsWith(".json"));

describe("our core does what the real SCST did", () => {
  test("there are nine recordings", () => {
    expect(traces).toHaveLength(9);
  });

  test.each(traces)("%s", (file) => {
    const { lines, passed } = judge(replay(readTrace(join(folder, file))), readExpected());
    expect({ passed, lines: passed ? [] : lines }).toEqual({ passed: true, lines: [] });
  });

  test("what is expected to differ is in a recording", () => {
    const names = traces.map((file) => file.replace(".json", ""));
    const unknown = readExpected().filter(({ trace }) => !names.includes(trace));
    expect(unknown).toEqual([]);
  });
});

describe("a verdict", () => {
  const difference: Difference = {
    phase: 1,
    message: "EXEC",
    field: "alloc_len",
    recorded: "4096",
    ours: "0",
  };
  const expected = { trace: "t", step: 1, reason: "later" };

  test.each([
    {
      title: "nothing differs",
      differences: [],
      listed: [],
      passed: true,
      lines: ["t: 3 of 3 steps equal"],
    },
    {
      title: "a step differs",
      differences: [difference],
      listed: [],
      passed: false,
      lines: ["t: 2 of 3 steps equal", "  step 1 EXEC alloc_len: recorded 4096, ours 0"],
    },
    {
      title: "a step differs that is expected to",
      differences: [difference],
      listed: [expected],
      passed: true,
      lines: ["t: 2 of 3 steps equal, 1 expected difference"],
    },
    {
      title: "a step is expected to differ and does not",
      differences: [],
      listed: [expected],
      passed: false,
      lines: [
        "t: 3 of 3 steps equal",
        '  step 1 is equal now: take it off the expected differences ("later")',
      ],
    },
    {
      title: "the initiators' scan differs",
      differences: [{ ...difference, phase: "before" as const }],
      listed: [],
      passed: false,
      lines: ["t: 3 of 3 steps equal", "  before EXEC alloc_len: recorded 4096, ours 0"],
    },
  ])("$title", ({ differences, listed, passed, lines }) => {
    const verdict = judge({ name: "t", steps: 3, differences }, listed);
    expect(verdict).toEqual({ passed, lines });
  });
});

describe("npm run replay", () => {
  let temporary = "";
  const write = (name: string, text: string) => {
    const path = join(temporary, name);
    writeFileSync(path, text);
    return path;
  };

  beforeAll(() => {
    temporary = mkdtempSync(join(tmpdir(), "replay-"));
  });
  afterAll(() => rmSync(temporary, { recursive: true }));

  const runWith = (...files: readonly string[]) => {
    const lines: string[] = [];
    const status = run(files, (line) => lines.push(line));
    return { status, text: lines.join("\n") };
  };

  test("a recording that is equal: exit 0", () => {
    const { status, text } = runWith(join(folder, "tm.json"));
    expect({ status, text }).toEqual({ status: EXIT.EQUAL, text: "tm: 8 of 8 steps equal" });
  });

  test("a recording that differs: exit 1, and the field by its C name", () => {
    const changed = readTraceText("tm.json").replace('"status": 2', '"status": 8');
    const { status, text } = runWith(write("changed.json", changed));
    expect(status).toBe(EXIT.DIFFERENT);
    expect(text).toBe("tm: 7 of 8 steps equal\n  step 0 response status: recorded 8, ours 2");
  });

  test.each([
    ["no file", [], "usage"],
    ["a file that is not there", ["nowhere.json"], "nowhere.json can't be read"],
  ])("%s: exit 2", (_title, files, message) => {
    const { status, text } = runWith(...files);
    expect(status).toBe(EXIT.UNREADABLE);
    expect(text).toContain(message);
  });

  test.each([
    ["cut off", '{"name": "x", "before": [', "is no JSON"],
    ["a list", "[]", "no object"],
    ["without steps", '{"name": "x", "before": [], "after": []}', "steps: no list"],
    [
      "an odd digit",
      record('"kind": "get", "subcode": "EXEC", "bytes": "0"'),
      "pairs of hex digits",
    ],
    [
      "an unknown subcommand",
      record('"kind": "get", "subcode": "X", "bytes": ""'),
      "X is no subcommand",
    ],
    ["an unknown kind", record('"kind": "put"'), '"put" is no kind of record'],
    [
      "more than the struct has",
      record(`"kind": "reply", "subcode": "EXEC", "bytes": "${"00".repeat(57)}"`),
      "57 bytes where the struct has 56",
    ],
  ])("a malformed recording, %s: exit 2", (_title, text, message) => {
    const outcome = runWith(write("malformed.json", text));
    expect(outcome.status).toBe(EXIT.UNREADABLE);
    expect(outcome.text).toContain(message);
  });

  test("a mistake in one file does not hide another's result", () => {
    const { status, text } = runWith("nowhere.json", join(folder, "tm.json"));
    expect(status).toBe(EXIT.UNREADABLE);
    expect(text).toContain("tm: 8 of 8 steps equal");
  });
});

test("a recording says by itself how its subcommands came", () => {
  const multi = traces.filter((file) => readTrace(join(folder, file)).multi);
  expect(multi).toEqual(["basic-multi.json"]);
  expect(parseTrace('{"name":"x","before":[],"steps":[],"after":[]}', "x").multi).toBe(false);
});

function record(fields: string): string {
  return `{"name": "x", "before": [{${fields}}], "steps": [], "after": []}`;
}

function readTraceText(file: string): string {
  return readFileSync(join(folder, file), "utf8");
}
