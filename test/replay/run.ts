import { judge } from "./differences.ts";
import { readExpected } from "./expected.ts";
import { replay } from "./player.ts";
import { readTrace, TraceError } from "./trace.ts";

/** What `npm run replay` gives to the shell. */
export const EXIT = { EQUAL: 0, DIFFERENT: 1, UNREADABLE: 2 } as const;

/** Plays each file and prints what came of it. Returns the exit status. */
export function run(files: readonly string[], print: (line: string) => void): number {
  if (files.length === 0) {
    print("usage: npm run replay -- FILE…");
    return EXIT.UNREADABLE;
  }
  let status: number = EXIT.EQUAL;
  for (const file of files) {
    try {
      const { lines, passed } = judge(replay(readTrace(file)), readExpected());
      for (const line of lines) print(line);
      if (!passed) status = Math.max(status, EXIT.DIFFERENT);
    } catch (error) {
      if (!(error instanceof TraceError)) throw error;
      print(error.message);
      status = EXIT.UNREADABLE;
    }
  }
  return status;
}
