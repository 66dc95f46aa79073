import { statSync } from "node:fs";
import { createServer } from "node:net";

import { UsageError } from "scst-user";

/**
 * Takes a file for this process alone. The lock is a name that the kernel gives to one process at
 * a time, and takes back when that ends in whatever way: nothing is left behind to be removed.
 *
 * @throws UsageError LOCKED
 */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  const { dev, ino } = statSync(path);
  // unix(7), "Abstract sockets".
  const name = `\0scst-user/snapshot-disk/${dev}:${ino}`;
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === "EADDRINUSE";
      reject(isTaken ? new UsageError("LOCKED", `${path}: another process has it open`) : error);
    });
    server.listen(name, resolve);
  });
  server.unref();
  return async () => {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  };
}
