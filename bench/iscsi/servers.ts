/** The two targets that are compared, each as a process of its own, on the same file. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { FileioTgt, FROM_BUILD } from "../../test/interop/support/fileio-tgt.ts";
import { freePort } from "../support/free-port.ts";
import { findProgram } from "../../test/interop/support/tools.ts";
import { runOk } from "../../test/interop/support/run.ts";

export interface BenchServer {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const TGTD_START_MS_MAX = 5000;
const TGTADM_MS_MAX = 2000;
const POLL_MS = 100;

const root = join(import.meta.dirname, "../..");

/** `fileio_tgt` from the build where it is newer than the sources, as users run it. */
export async function startOurs(path: string, options: readonly string[]): Promise<BenchServer> {
  const built = buildIsFresh();
  const disks = [{ name: "bench", path }];
  const server = await FileioTgt.start(disks, {
    options,
    ...(built && { program: FROM_BUILD }),
  });
  return {
    name: built ? "fileio_tgt" : "fileio_tgt (sources)",
    url: server.urls[0]!,
    pid: server.pid,
    async stop() {
      await server.stop();
    },
  };
}

export function buildIsFresh(): boolean {
  const program = FROM_BUILD[0]!;
  if (!existsSync(program)) return false;
  const builtMs = statSync(join(root, "dist/build.tsbuildinfo")).mtimeMs;
  return ["src", "examples"].every((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).every(
      (entry) =>
        !entry.name.endsWith(".ts") ||
        statSync(join(entry.parentPath, entry.name)).mtimeMs <= builtMs,
    ),
  );
}

/**
 * Debian's `tgtd` with its defaults; its LUN 0 is a controller, so the disk is LUN 1.
 *
 * @param backingStore its `--bstype`: "rdwr" is buffered, "aio" O_DIRECT
 * @param more of the words that make the LUN
 * @param keys that it is to negotiate otherwise than by default
 */
export async function startTgtd(
  path: string,
  backingStore: string,
  more: readonly string[] = [],
  keys: Readonly<Record<string, string>> = {},
): Promise<BenchServer> {
  const port = await freePort();
  // The number of its administrator's socket, below 32768.
  const control = String(1 + (port % 32_000));
  const portal = `127.0.0.1:${port}`;
  const iqn = "iqn.2026-11.io.scst-user.bench:tgtd";
  const args = ["-f", "-C", control, "--iscsi", `portal=${portal}`];
  const child = spawn(findProgram("tgtd") ?? "tgtd", args, { stdio: "ignore" });
  const exited = once(child, "close");
  process.once("exit", () => child.kill("SIGKILL"));
  const stop = async () => {
    // It does not end on SIGTERM while it has a target.
    child.kill("SIGKILL");
    await exited;
  };
  const admin = (...words: string[]) =>
    runOk(findProgram("tgtadm") ?? "tgtadm", ["-C", control, "--lld", "iscsi", ...words], {
      timeoutMs: TGTADM_MS_MAX,
    });
  try {
    const target = ["--mode", "target", "--tid", "1"];
    await retried(() => admin("--op", "new", ...target, "-T", iqn));
    const lun = [
      "--mode",
      "logicalunit",
      "--tid",
      "1",
      "--lun",
      "1",
      "-b",
      path,
      "-E",
      backingStore,
    ];
    await admin("--op", "new", ...lun, ...more);
    for (const [key, value] of Object.entries(keys)) {
      await admin("--op", "update", ...target, "--name", key, "--value", value);
    }
    await admin("--op", "bind", ...target, "-I", "ALL");
  } catch (error) {
    await stop();
    throw error;
  }
  return { name: "tgtd", url: `iscsi://${portal}/${iqn}/1`, pid: child.pid!, stop };
}

/** tgtd listens for its administrator a moment after its start. */
async function retried(action: () => Promise<unknown>): Promise<void> {
  const endMs = performance.now() + TGTD_START_MS_MAX;
  for (;;) {
    try {
      await action();
      return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await delay(POLL_MS);
    }
  }
}

/** Seconds of CPU time that a process has used, all of its threads. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, field 2, may have blanks in it; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}

/** `getconf CLK_TCK`: 100 on every Linux that Node runs on. */
const CLOCK_TICKS_PER_SECOND = 100;
