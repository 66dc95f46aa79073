import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The Debian package of each tool. `qemu-iscsi` is a module of qemu, not a program. */
const PACKAGES = {
  certtool: "gnutls-bin",
  cryptsetup: "cryptsetup-bin",
  fio: "fio",
  "iscsi-inq": "libiscsi-bin",
  "iscsi-ls": "libiscsi-bin",
  "iscsi-perf": "libiscsi-bin",
  "iscsi-readcapacity16": "libiscsi-bin",
  "iscsi-swp": "libiscsi-bin",
  "iscsi-test-cu": "libiscsi-bin",
  nbdcopy: "libnbd-bin",
  nbdinfo: "libnbd-bin",
  nbdsh: "python3-libnbd",
  "qemu-img": "qemu-utils",
  "qemu-io": "qemu-utils",
  "qemu-iscsi": "qemu-block-extra",
} as const;

export type Tool = keyof typeof PACKAGES;

/**
 * For `describe.skipIf`: true, and a loud line, where a tool is missing. Where CI is set a missing
 * tool is an error: there nothing is skipped for that.
 */
export function toolsAreMissing(...tools: readonly Tool[]): boolean {
  const missing = tools
    .filter((tool) => !isInstalled(tool))
    .map((tool) => `${tool} not found: apt-get install ${PACKAGES[tool]}`);
  return isMissing(missing);
}

/** The same for what a test has looked for itself: `missing` has a line for each thing. */
export function isMissing(missing: readonly string[]): boolean {
  if (missing.length > 0 && process.env["CI"] !== undefined) throw new Error(missing.join("; "));
  for (const line of missing) process.stderr.write(`SKIPPED: ${line}\n`);
  return missing.length > 0;
}

function isInstalled(tool: Tool): boolean {
  return tool === "qemu-iscsi" ? qemuSpeaksIscsi() : findProgram(tool) !== undefined;
}

/** Where a program is, as the shell would find it. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Without the module qemu does not know the protocol; with it, nobody answers on port 1. */
function qemuSpeaksIscsi(): boolean {
  const program = findProgram("qemu-img");
  if (program === undefined) return false;
  const probe = spawnSync(program, ["info", "iscsi://127.0.0.1:1/iqn.2026-01.probe:x/0"], {
    encoding: "utf8",
    timeout: 5000,
  });
  return probe.error === undefined && !/unknown (protocol|driver)/i.test(probe.stderr);
}
