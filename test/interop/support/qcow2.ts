import { readFile } from "node:fs/promises";

import { run, runOk } from "./run.ts";

/** What `qemu-img check` finds. */
export async function qemuCheck(path: string): Promise<{ errors: number; leaks: number }> {
  const { code, stdout, stderr } = await run("qemu-img", [
    "check",
    "-f",
    "qcow2",
    "--output",
    "json",
    path,
  ]);
  // 0 for none, 2 for errors, 3 for leaks; 1 is a check that could not be made.
  if (![0, 2, 3].includes(code)) throw new Error(`qemu-img check: exit code ${code}\n${stderr}`);
  const found = JSON.parse(stdout) as Record<string, number>;
  const errors = (found["corruptions"] ?? 0) + (found["check-errors"] ?? 0);
  if (errors > 0) process.stderr.write(stderr);
  return { errors, leaks: found["leaks"] ?? 0 };
}

export const CLEAN = { errors: 0, leaks: 0 };

/** The disk's bytes (or a snapshot's), as qemu reads them. */
export async function qemuBytes(path: string, snapshot?: string): Promise<Buffer> {
  const raw = `${path}.raw`;
  const of = snapshot === undefined ? [] : ["-l", `snapshot.name=${snapshot}`];
  await runOk("qemu-img", ["convert", ...of, "-f", "qcow2", "-O", "raw", path, raw]);
  return await readFile(raw);
}
