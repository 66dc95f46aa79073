import { createHash } from "node:crypto";
import { once } from "node:events";
import { statSync } from "node:fs";
import { createServer } from "node:net";

import { UsageError } from "scst-user";

/**
 * One process at a time: holds a name in the kernel that goes away with the process, however it
 * ends (an abstract Unix socket). It says nothing to processes in other network namespaces, such
 * as containers, nor on other machines.
 *
 * @returns lets go of it
 * @throws UsageError LIBRARY_BUSY, LIBRARY
 */
export async function lockLibrary(folder: string): Promise<() => void> {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) {
    throw new UsageError("LIBRARY", `${folder} is no library: there is no such folder`);
  }
  const { dev, ino } = found;
  const digest = createHash("sha256").update(`${dev}:${ino}`).digest("hex").slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  server.listen(`\0scst-user-vtl-${digest}`);
  try {
    await once(server, "listening");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cause;
    throw new UsageError("LIBRARY_BUSY", `${folder}: another vtl is at work on this library`);
  }
  server.unref();
  return () => server.close();
}
