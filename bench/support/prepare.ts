/** What a section needs before it can measure. */
import { open } from "node:fs/promises";
import { findProgram } from "../../test/interop/support/tools.ts";

/**
 * @param who "the iscsi benchmarks"
 * @param tools Debian's packages, by tool
 * @throws Error which tools are missing, and where they are
 */
export function requireTools(who: string, tools: Readonly<Record<string, string>>): void {
  const missing = Object.entries(tools).filter(([tool]) => findProgram(tool) === undefined);
  if (missing.length === 0) return;
  const list = missing.map(([tool, packages]) => `${tool} (Debian: ${packages})`);
  throw new Error(`${who} need ${list.join(", ")}`);
}

/** Nothing of the file waits to be written when the measuring begins. */
export async function settled(path: string): Promise<void> {
  const file = await open(path, "r+");
  await file.sync();
  await file.close();
}
