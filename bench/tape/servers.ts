/** The two tape drives that are compared, each served by a process of its own. */
import { findProgram } from "../../test/interop/support/tools.ts";
import { runOk } from "../../test/interop/support/run.ts";
import { fromBuild, fromSources } from "../../test/interop/support/server-program.ts";
import { serveLibrary, vtl } from "../../test/interop/support/vtl.ts";
import { type BenchServer, buildIsFresh, startTgtd } from "../iscsi/servers.ts";

const TGTIMG_MS_MAX = 20_000;

/** The build where it is newer than the sources, as users run it. */
export function vtlProgram(): { readonly args: string[]; readonly note: string } {
  return buildIsFresh()
    ? { args: fromBuild("vtl"), note: "" }
    : { args: fromSources("vtl"), note: " (sources)" };
}

/** A library of one drive, with a cartridge of `megabytes` in it. */
export async function startVtl(folder: string, megabytes: number): Promise<BenchServer> {
  const { args, note } = vtlProgram();
  const size = ["--library", "autoloader", "--barcodes", "BEN001L8", "--capacity", `${megabytes}M`];
  await vtl(["create", folder, ...size], args);
  await vtl(["load", folder, "BEN001L8"], args);
  const server = await serveLibrary(folder, args);
  return {
    name: `vtl${note}`,
    url: server.urls[1]!,
    pid: server.pid,
    async stop() {
      await server.stop();
    },
  };
}

/** tgtd's tape drive (`--device-type tape`, which is `--bstype ssc`) on a cartridge of its own. */
export async function startTgtdTape(path: string, megabytes: number): Promise<BenchServer> {
  const words = ["--op", "new", "--device-type", "tape", "--barcode", "BEN001L8"];
  const image = ["--size", String(megabytes), "--type", "data", "--thin-provisioning"];
  await runOk(findProgram("tgtimg") ?? "tgtimg", [...words, ...image, "--file", path], {
    timeoutMs: TGTIMG_MS_MAX,
  });
  return await startTgtd(path, "ssc", ["--device-type", "tape"]);
}
