/** Runs examples/vtl as a user does: a library in a folder, served by a program of its own. */
import { fromSources, ServerProgram } from "./server-program.ts";
import { runOk } from "./run.ts";

/** Ten thousand cartridges take their time. */
const TIMEOUT_MS = 600_000;

/** Runs a command of `vtl` to its end; what it said. */
export async function vtl(words: readonly string[], program = fromSources("vtl")): Promise<string> {
  return await runOk(process.execPath, [...program, ...words], { timeoutMs: TIMEOUT_MS });
}

/** Serves a library on a free port of the loopback interface: the changer's URL is the first. */
export async function serveLibrary(
  folder: string,
  program = fromSources("vtl"),
): Promise<ServerProgram> {
  const words = ["serve", folder, "--iscsi", "127.0.0.1:0"];
  return await ServerProgram.start("vtl", [...program, ...words]);
}
