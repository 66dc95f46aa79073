import { closeSync, ftruncateSync, openSync, rmSync } from "node:fs";

/** Makes a file of zeros that takes no space yet. One that is there is left as it is. */
export function makeFile(path: string, sizeBytes: number): void {
  let fd: number;
  try {
    fd = openSync(path, "wx");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    throw error;
  }
  try {
    ftruncateSync(fd, sizeBytes);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}
