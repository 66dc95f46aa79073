/** NBD clients and a thin disk: what they give back is a hole in the file. */
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FileioTgt } from "./support/fileio-tgt.ts";
import { digestOf, Images, MIB, readAt } from "./support/images.ts";
import { run, runOk } from "./support/run.ts";
import { toolsAreMissing } from "./support/tools.ts";

const SIZE = 64 * MIB;
const TOOLS = ["fio", "nbdcopy", "nbdinfo", "nbdsh", "qemu-img", "qemu-io"] as const;
/** nbdsh is a shell script: it has to find Debian's Python, not another. */
const NBDSH_PATH = "PATH=/usr/bin:/bin";
/** Unit of `stat`'s count of blocks. */
const STAT_BLOCK_LENGTH = 512;

interface Piece {
  readonly offset: number;
  readonly length: number;
  readonly description: string;
}

/** Bytes of storage that a file takes. */
async function allocated(path: string): Promise<number> {
  return (await stat(path)).blocks * STAT_BLOCK_LENGTH;
}

describe.skipIf(toolsAreMissing(...TOOLS))("NBD, a thin disk", () => {
  let images: Images;
  let server: FileioTgt;
  let disk: string;
  let uri: string;

  beforeAll(async () => {
    images = await Images.open();
    disk = await images.sparse("disk.img", SIZE);
    const socket = join(images.folder, "nbd.socket");
    server = await FileioTgt.start([{ name: "disk1", path: disk }], {
      options: ["--nbd", `unix:${socket}`, "--thin_provisioned"],
    });
    uri = server.nbdUris[0]!;
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await images[Symbol.asyncDispose]();
  });

  const qemuIo = (...commands: string[]) =>
    runOk("qemu-io", [
      "-f",
      "raw",
      "-d",
      "unmap",
      ...commands.flatMap((command) => ["-c", command]),
      uri,
    ]);

  const map = async () => JSON.parse(await runOk("nbdinfo", ["--map", "--json", uri])) as Piece[];

  const kinds = async () =>
    (await map()).map(({ offset, length, description }) => [
      offset / MIB,
      length / MIB,
      description,
    ]);

  beforeEach(async () => {
    await qemuIo(`discard 0 ${SIZE}`);
    expect(await allocated(disk)).toBe(0);
  });

  test("nbdinfo: all that a thin disk can", async () => {
    const { exports } = JSON.parse(await runOk("nbdinfo", ["--json", uri])) as {
      exports: Record<string, unknown>[];
    };
    expect(exports[0]).toMatchObject({
      can_trim: true,
      can_zero: true,
      can_fast_zero: true,
      can_cache: true,
      contexts: ["base:allocation"],
    });
  });

  test("nbdinfo --map and qemu-img map show what was written, as the file has it", async () => {
    await qemuIo("write -P 1 4M 4M", "write -P 2 32M 1M");
    expect(await kinds()).toEqual([
      [0, 4, "hole,zero"],
      [4, 4, "data"],
      [8, 24, "hole,zero"],
      [32, 1, "data"],
      [33, 31, "hole,zero"],
    ]);
    const { stdout } = await run("qemu-img", ["map", "-f", "raw", "--output=json", uri]);
    const extents = JSON.parse(stdout) as { start: number; length: number; data: boolean }[];
    expect(
      extents.filter(({ data }) => data).map((one) => [one.start / MIB, one.length / MIB]),
    ).toEqual([
      [4, 4],
      [32, 1],
    ]);
    expect(await allocated(disk)).toBe(5 * MIB);
  });

  test("discards punch holes, and nothing else is touched", async () => {
    await qemuIo("write -P 7 0 16M", "discard 4M 8M", "flush");
    expect(await kinds()).toEqual([
      [0, 4, "data"],
      [4, 8, "hole,zero"],
      [12, 4, "data"],
      [16, 48, "hole,zero"],
    ]);
    expect(await allocated(disk)).toBe(8 * MIB);
    expect(await readAt(disk, 4 * MIB - 2, 4)).toEqual(Buffer.of(7, 7, 0, 0));
    expect(await readAt(disk, 12 * MIB - 2, 4)).toEqual(Buffer.of(0, 0, 7, 7));
    await qemuIo("read -P 7 0 4M", "read -P 0 4M 8M", "read -P 7 12M 4M");
  });

  test("zeros: with leave to unmap a hole, without it storage", async () => {
    await qemuIo("write -P 7 0 8M", "write -z -u 0 2M", "write -z 4M 2M");
    expect(await allocated(disk)).toBe(6 * MIB);
    await qemuIo("read -P 0 0 2M", "read -P 7 2M 2M", "read -P 0 4M 2M", "read -P 7 6M 2M");
  });

  test("nbdcopy keeps holes holes, both ways, by four connections", async () => {
    const source = await images.sparse("source.img", SIZE);
    const file = await open(source, "r+");
    for (const at of [1, 17, 40]) await file.write(Buffer.alloc(3 * MIB, at), 0, 3 * MIB, at * MIB);
    await file.close();
    const back = images.path("back.img");
    await runOk("nbdcopy", ["--connections=4", "--destination-is-zero", source, uri]);
    expect(await allocated(disk)).toBe(9 * MIB);
    await runOk("nbdcopy", ["--connections=4", uri, back]);
    expect(await digestOf(back)).toBe(await digestOf(source));
    expect(await allocated(back)).toBe(9 * MIB);
    await runOk("qemu-img", ["convert", "-n", "-f", "raw", "-O", "raw", source, uri]);
    await runOk("qemu-img", ["compare", "-f", "raw", "-F", "raw", uri, source]);
  });

  test("a long read tells of holes, DF and simple replies give them as zeros", async () => {
    await qemuIo("write -P 7 1M 1M");
    const script = `
h = nbd.NBD(); h.connect_uri("${uri}")
chunks = []
def note(part, at, state, error):
    chunks.append((at >> 20, len(part) >> 20, state))
data = h.pread_structured(4 << 20, 0, note)
assert chunks == [(0, 1, nbd.READ_HOLE), (1, 1, nbd.READ_DATA), (2, 2, nbd.READ_HOLE)], chunks
expected = bytes(1 << 20) + b'\\x07' * (1 << 20) + bytes(2 << 20)
assert data == expected
assert h.pread_structured(4 << 20, 0, lambda *chunk: None, nbd.CMD_FLAG_DF) == expected
h.cache(4 << 20, 0)
s = nbd.NBD(); s.set_request_structured_replies(False); s.connect_uri("${uri}")
assert s.pread(4 << 20, 0) == expected
h.shutdown(); s.shutdown()`;
    const { code, output } = await run("env", [
      NBDSH_PATH,
      "nbdsh",
      "-c",
      "import nbd",
      "-c",
      script,
    ]);
    expect(output).toBe("");
    expect(code).toBe(0);
  });

  test("more requests at once than the device's queue depth: fio, depth 256, four clients", async () => {
    const words = ["--name=deep", "--ioengine=nbd", `--uri=${uri}`, "--rw=randrw", "--bs=4k"];
    const load = ["--iodepth=256", "--numjobs=4", "--size=8m", "--offset_increment=8m"];
    const verify = ["--verify=crc32c", "--verify_state_save=0", "--output-format=json"];
    const output = await runOk("fio", [...words, ...load, ...verify], { timeoutMs: 60_000 });
    const { jobs } = JSON.parse(output.slice(output.indexOf("{"))) as { jobs: { error: number }[] };
    expect(jobs.map(({ error }) => error)).toEqual([0, 0, 0, 0]);
  });
});
