import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/** Has a server end with this process at the latest; what is given back ends it before. */
export function endsWithUs(child: ChildProcess): () => Promise<void> {
  const exited = once(child, "close");
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  return async () => {
    child.kill("SIGTERM");
    await exited;
    process.off("exit", kill);
  };
}
