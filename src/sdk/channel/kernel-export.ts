/** Gives a device that is registered with the kernel's SCST to initiators, as a LUN of a target. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { ERRNO } from "../../protocol/errno.ts";
import { SystemError, UsageError } from "../../protocol/errors.ts";

const ROOT = "/sys/kernel/scst_tgt";

/** SCST's own limit. */
const LUN_MAX = 16_383;

const POLL_INTERVAL_MS = 50;
/** SCST itself gives up waiting for commands after 90 s. */
const WAIT_MAX_MS = 100_000;

/** Which LUN a device shall be. */
export interface ExportPlace {
  /** The target driver: `"scst_local"`, `"iscsi"`. */
  readonly driver: string;
  /** Undefined: the driver's first target. */
  readonly target: string | undefined;
  /** Undefined: the target's first free LUN. */
  readonly lun: number | undefined;
}

/** A device that is a LUN. */
export interface KernelExport {
  readonly target: string;
  readonly lun: number;
  /** Takes the LUN away; resolves when no initiator uses it. */
  remove(): Promise<void>;
}

/**
 * Reads `DRIVER`, `DRIVER/TARGET` or `DRIVER/TARGET:LUN`. A target's name may have colons.
 *
 * @throws UsageError EXPORT_PLACE
 */
export function exportPlace(text: string): ExportPlace {
  const [, driver, target, lun] = /^([\w-]+)(?:\/([^/]+?)(?::(\d+))?)?$/.exec(text) ?? [];
  if (driver === undefined || Number(lun ?? 0) > LUN_MAX) {
    throw new UsageError(
      "EXPORT_PLACE",
      `"${text}": it must be DRIVER, DRIVER/TARGET or DRIVER/TARGET:LUN, the LUN at most ${LUN_MAX}`,
    );
  }
  return { driver, target, lun: lun === undefined ? undefined : Number(lun) };
}

/**
 * Makes the device a LUN.
 *
 * @param root SCST's folder in sysfs
 * @throws UsageError EXPORT_TARGET there is no such driver or target
 * @throws SystemError what the kernel answered
 */
export async function exportFromKernel(
  device: string,
  place: ExportPlace,
  root = ROOT,
): Promise<KernelExport> {
  const target = targetFolder(place, root);
  const luns = join(target, "luns");
  const lun = place.lun ?? freeLun(luns);
  await manage(root, luns, `add ${device} ${lun}`);
  return { target, lun, remove: () => manage(root, luns, `del ${lun}`) };
}

/** What an administrator types to the same end. */
export function exportCommands(device: string, lun = 0): string[] {
  return [
    `echo "add ${device} ${lun}" > ${ROOT}/targets/scst_local/scst_local_tgt/luns/mgmt`,
    `echo "del ${lun}" > ${ROOT}/targets/scst_local/scst_local_tgt/luns/mgmt`,
  ];
}

function targetFolder({ driver, target }: ExportPlace, root: string): string {
  const folder = join(root, "targets", driver);
  const targets = foldersIn(folder).filter((name) =>
    foldersIn(join(folder, name)).includes("luns"),
  );
  const name = target ?? targets[0];
  if (name !== undefined && targets.includes(name)) return join(folder, name);
  const known = targets.length > 0 ? `it has ${targets.join(", ")}` : "it has none";
  throw new UsageError(
    "EXPORT_TARGET",
    `SCST's target driver ${driver} has no target ${name ?? ""}: ${known} (${folder})`,
  );
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => statSync(join(folder, name)).isDirectory());
  } catch {
    return [];
  }
}

function freeLun(luns: string): number {
  const taken = new Set(foldersIn(luns));
  for (let lun = 0; lun <= LUN_MAX; lun++) if (!taken.has(String(lun))) return lun;
  throw new UsageError("EXPORT_LUN", `${luns} has no free LUN`);
}

/**
 * Writes a command, and waits where SCST says that it goes on in the background. Never on this
 * thread: SCST may wait for the device's own answer to a session that attaches.
 */
async function manage(root: string, folder: string, command: string): Promise<void> {
  try {
    await writeFile(join(folder, "mgmt"), command);
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw refused(folder, command, error);
  }
  for (let waited = 0; waited < WAIT_MAX_MS; waited += POLL_INTERVAL_MS) {
    const result = resultOf(root);
    if (result === 0) return;
    if (result !== undefined) throw refused(folder, command, { errno: -Math.abs(result) });
    await sleep(POLL_INTERVAL_MS);
  }
  throw refused(folder, command, { code: "ETIMEDOUT", errno: -ERRNO.ETIMEDOUT });
}

/** Of the last command that went on in the background; undefined while it does. */
function resultOf(root: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(join(root, "last_sysfs_mgmt_res"), "latin1"), 10);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return undefined;
    throw error;
  }
}

function refused(folder: string, command: string, cause: unknown): SystemError {
  const { code = "EIO", errno = -ERRNO.EIO } = cause as NodeJS.ErrnoException;
  return new SystemError(code, Math.abs(errno), `SCST refused "${command}" in ${folder}: ${code}`, {
    cause,
  });
}
