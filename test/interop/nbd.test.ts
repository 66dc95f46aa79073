/** NBD clients against fileio_tgt --nbd: libnbd's tools, qemu, fio. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FileioTgt } from "./support/fileio-tgt.ts";
import { digestOf, Images, MIB, readAt } from "./support/images.ts";
import { run, runOk } from "./support/run.ts";
import { toolsAreMissing } from "./support/tools.ts";

const SIZE = 64 * MIB;
const TOOLS = ["fio", "nbdcopy", "nbdinfo", "nbdsh", "qemu-img", "qemu-io"] as const;

/** nbdsh is a shell script: it has to find Debian's Python, not another. */
const NBDSH_PATH = "PATH=/usr/bin:/bin";

describe.skipIf(toolsAreMissing(...TOOLS))("NBD", () => {
  let images: Images;
  let server: FileioTgt;
  let disk: string;
  let uri: string;

  beforeAll(async () => {
    images = await Images.open();
    disk = await images.sparse("disk.img", SIZE);
    const small = await images.sparse("small.img", MIB);
    const disks = [
      { name: "disk1", path: disk },
      { name: "small", path: small },
    ];
    const socket = join(images.folder, "nbd.socket");
    // Unless said, a disk rotates if the one that the file is on does.
    const options = ["--nbd", `unix:${socket}`, "--rotational=0"];
    server = await FileioTgt.start(disks, { options });
    uri = server.nbdUris[0]!;
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await images[Symbol.asyncDispose]();
  });

  const nbdsh = (script: string, to = uri) =>
    run("env", [NBDSH_PATH, "nbdsh", "-c", "import nbd", "-c", `uri = "${to}"`, "-c", script]);

  test("nbdinfo tells all about an export", async () => {
    const { exports } = JSON.parse(await runOk("nbdinfo", ["--json", uri])) as {
      exports: Record<string, unknown>[];
    };
    expect(exports).toHaveLength(1);
    expect(exports[0]).toMatchObject({
      "export-name": "disk1",
      description: "SCST_TS disk1 0.1",
      "export-size": SIZE,
      contexts: ["base:allocation"],
      is_rotational: false,
      is_read_only: false,
      can_df: true,
      can_fast_zero: true,
      can_flush: true,
      can_fua: true,
      can_multi_conn: true,
      can_zero: true,
      block_size_minimum: 512,
      block_size_preferred: 4096,
      block_size_maximum: 32 * MIB,
    });
  });

  test("nbdinfo lists the exports; the default one is LUN 0", async () => {
    const list = JSON.parse(await runOk("nbdinfo", ["--list", "--json", uri])) as {
      exports: Record<string, unknown>[];
    };
    expect(list.exports.map((one) => one["export-name"])).toEqual(["disk1", "small"]);
    expect(await runOk("nbdinfo", ["--size", uri.replace("/disk1?", "/?")])).toBe(`${SIZE}\n`);
    const { code, output } = await run("nbdinfo", [uri.replace("/disk1?", "/other?")]);
    expect(code).toBe(1);
    expect(output).toContain("No such file or directory for export: other");
  });

  test("nbdcopy takes an image over and back, by four connections", async () => {
    const source = await images.random("source.img", SIZE);
    const back = images.path("back.img");
    await runOk("nbdcopy", ["--connections=4", source, uri]);
    await runOk("nbdcopy", ["--connections=4", uri, back]);
    const digest = await digestOf(source);
    expect(await digestOf(disk)).toBe(digest);
    expect(await digestOf(back)).toBe(digest);
    expect(await runOk("nbdinfo", ["--map", uri])).toMatch(/^ +0 +67108864 +0 +data\n$/);
  });

  test("qemu-img converts, compares, measures; qemu-io writes patterns, zeros, discards", async () => {
    const source = await images.random("qemu.img", SIZE);
    await runOk("qemu-img", ["convert", "-n", "-f", "raw", "-O", "raw", source, uri]);
    const compared = await runOk("qemu-img", ["compare", "-f", "raw", "-F", "raw", uri, source]);
    expect(compared).toContain("Images are identical.");
    expect(await runOk("qemu-img", ["map", "--output=json", uri])).toContain('"start": 0');
    const bench = ["bench", "-f", "raw", "-t", "none", "-c", "2000", "-d", "16"];
    expect(await runOk("qemu-img", [...bench, uri])).toContain("Run completed");
    expect(await runOk("qemu-img", [...bench, "-w", uri])).toContain("Run completed");
    const commands = [
      "write -P 0x5a 0 1M",
      "read -P 0x5a 0 1M",
      "aio_write -P 7 4M 64k",
      "aio_flush",
      "read -P 7 4M 64k",
      "write -f -P 9 8M 4k",
      "read -P 9 8M 4k",
      "write -z 0 512k",
      "read -P 0 0 512k",
      "read -P 0x5a 512k 512k",
      "write -z -u 512k 64k",
      "read -P 0 512k 64k",
      "discard 16M 1M",
      "flush",
    ];
    const words = commands.flatMap((command) => ["-c", command]);
    const { code, output } = await run("qemu-io", ["-f", "raw", ...words, uri]);
    expect(output).not.toContain("Pattern verification failed");
    expect(code).toBe(0);
    expect(await readAt(disk, 512 * 1024 + 65_536, 4)).toEqual(Buffer.alloc(4, 0x5a));
  });

  test("fio writes at random and verifies", async () => {
    const output = await runOk(
      "fio",
      ["--name=verify", "--ioengine=nbd", `--uri=${uri}`, "--rw=randwrite", "--bs=4k-64k"].concat(
        ["--bsrange=4k-64k", "--iodepth=16", "--size=32m", "--verify=crc32c"],
        ["--verify_state_save=0", "--output-format=json"],
      ),
    );
    const { jobs } = JSON.parse(output.slice(output.indexOf("{"))) as { jobs: { error: number }[] };
    expect(jobs.map(({ error }) => error)).toEqual([0]);
  });

  test.each([
    [
      "connections see what others have written when that is flushed",
      `
a, b = nbd.NBD(), nbd.NBD()
a.connect_uri(uri); b.connect_uri(uri)
assert a.can_multi_conn()
a.pwrite(b'one' + bytes(509), 0); a.flush()
assert b.pread(512, 0)[:3] == b'one'
b.pwrite(b'two' + bytes(509), 0, nbd.CMD_FLAG_FUA)
assert a.pread(512, 0)[:3] == b'two'
a.shutdown(); b.shutdown()`,
    ],
    [
      "requests that are not whole blocks or beyond the end are errors, and no more",
      `
h = nbd.NBD(); h.set_strict_mode(0); h.connect_uri(uri)
size = h.get_size()
def fails(what, *names):
    try: what()
    except nbd.Error as error:
        assert error.errno in names, error.errno
        return
    assert False, "no error"
fails(lambda: h.pread(511, 0), "EINVAL")
fails(lambda: h.pread(512, 1), "EINVAL")
fails(lambda: h.pwrite(bytes(100), 0), "EINVAL")
fails(lambda: h.pread(512, size), "EINVAL")
fails(lambda: h.pwrite(bytes(1024), size - 512), "ENOSPC")
fails(lambda: h.zero(1024, size - 512), "ENOSPC")
fails(lambda: h.pread(0, 0), "EINVAL")
fails(lambda: h.zero(512, 0, nbd.CMD_FLAG_FAST_ZERO | nbd.CMD_FLAG_NO_HOLE), "ENOTSUP")
assert h.pread(512, size - 512) is not None
h.shutdown()`,
    ],
    [
      "one connection after the other, without structured replies, without fixed newstyle's words",
      `
for sr in (True, False):
    for go in (True, False):
        h = nbd.NBD(); h.set_request_structured_replies(sr)
        h.set_opt_mode(True); h.connect_uri(uri)
        assert h.aio_is_negotiating()
        if go: h.set_export_name("small"); h.opt_info(); assert h.get_size() == 1048576
        h.set_export_name("disk1"); h.opt_go()
        assert h.get_structured_replies_negotiated() == sr
        h.pwrite(b'x' * 4096, 4096); assert h.pread(4096, 4096) == b'x' * 4096
        h.shutdown()
h = nbd.NBD(); h.set_handshake_flags(0); h.set_opt_mode(False); h.connect_uri(uri)
assert h.pread(512, 4096) == b'x' * 512; h.shutdown()`,
    ],
    [
      "the map, with and without one extent",
      `
h = nbd.NBD(); h.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION); h.connect_uri(uri)
seen = []
h.block_status(h.get_size(), 0, lambda c, o, e, err: seen.append((c, o, sum(e[0::2]))))
assert seen == [("base:allocation", 0, h.get_size())], seen
h.block_status(1 << 20, 512, lambda c, o, e, err: seen.append(len(e)), nbd.CMD_FLAG_REQ_ONE)
assert seen[1] == 2
h.shutdown()`,
    ],
    [
      "32 MiB at once, and many requests at a time",
      `
h = nbd.NBD(); h.connect_uri(uri)
data = bytes(range(256)) * (131072)
h.pwrite(data, 0); assert h.pread(len(data), 0) == data
whole = h.pread_structured(len(data), 0, lambda *chunk: None, nbd.CMD_FLAG_DF)
assert whole == data
buffers = [nbd.Buffer(65536) for i in range(400)]
cookies = [h.aio_pread(b, 65536 * (i % 500)) for i, b in enumerate(buffers)]
while h.aio_in_flight() > 0: h.poll(-1)
for c in cookies: assert h.aio_command_completed(c)
for i, b in enumerate(buffers): assert b.to_bytearray() == data[:65536]
h.shutdown()`,
    ],
  ])("nbdsh: %s", async (_what, script) => {
    const { code, output } = await nbdsh(script);
    expect(output).toBe("");
    expect(code).toBe(0);
  });

  test("clients that are killed in mid-transfer cost nothing", async () => {
    for (let i = 0; i < 5; i++) {
      await run("timeout", ["-s", "KILL", "0.3", "nbdcopy", uri, "null:"]);
      await run("timeout", ["-s", "KILL", "0.3", "nbdcopy", images.path("source.img"), uri]);
    }
    expect(await runOk("nbdinfo", ["--size", uri])).toBe(`${SIZE}\n`);
    expect(server.running).toBe(true);
  });
});

describe.skipIf(toolsAreMissing("nbdinfo", "nbdsh", "nbdcopy"))("fileio_tgt --nbd", () => {
  let images: Images;
  let disk: string;

  beforeAll(async () => {
    images = await Images.open();
    disk = await images.random("disk.img", MIB);
  });

  afterAll(async () => {
    await images[Symbol.asyncDispose]();
  });

  const start = (address: string, ...options: string[]) =>
    FileioTgt.start([{ name: "disk1", path: disk }], { options: ["--nbd", address, ...options] });

  test("-r: a read-only export", async () => {
    await using server = await start("127.0.0.1:0", "-r");
    const [uri] = server.nbdUris;
    expect((await run("nbdinfo", ["--is=read-only", uri!])).code).toBe(0);
    const write =
      "h = nbd.NBD(); h.set_strict_mode(0); h.connect_uri(uri); h.pwrite(bytes(512), 0)";
    const words = ["-c", "import nbd", "-c", `uri = "${uri}"`, "-c", write];
    const { code, output } = await run("env", [NBDSH_PATH, "nbdsh", ...words]);
    expect(code).toBe(1);
    expect(output).toContain("Operation not permitted");
  });

  test("-b 4096: the minimum block size", async () => {
    await using server = await start("127.0.0.1:0", "-b", "4096");
    const told = await runOk("nbdinfo", [server.nbdUris[0]!]);
    expect(told).toContain("block_size_minimum: 4096");
  });

  test("IPv6", async () => {
    await using server = await start("[::1]:0");
    expect(await runOk("nbdinfo", ["--size", server.nbdUris[0]!])).toBe(`${MIB}\n`);
  });

  test("a Unix socket that a server has left behind is no obstacle", async () => {
    const path = images.path("left.socket");
    const before = await start(`unix:${path}`);
    await before.kill();
    await using server = await start(`unix:${path}`);
    expect(await runOk("nbdinfo", ["--size", server.nbdUris[0]!])).toBe(`${MIB}\n`);
    await expect(start(`unix:${path}`)).rejects.toThrow("EADDRINUSE");
  });

  test("socket activation: libnbd opens the socket and starts the server", async () => {
    const program = join(import.meta.dirname, "../../examples/fileio_tgt/main.ts");
    const server = [process.execPath, "--import", "tsx", "--conditions=source", program];
    const words = ["--size", "--", "[", ...server, "--nbd", "disk1", disk, "]"];
    const { code, stdout } = await run("nbdinfo", words);
    expect(code).toBe(0);
    // The server's own lines come first.
    expect(stdout).toMatch(new RegExp(`on descriptor 3, export disk1\\nready\\n${MIB}\\n$`));
  });

  test("a transfer comes to its end when the server is told to stop", async () => {
    const server = await start("127.0.0.1:0");
    const [uri] = server.nbdUris;
    const idle = run("env", [
      NBDSH_PATH,
      "nbdsh",
      "-c",
      `import nbd; h = nbd.NBD(); h.connect_uri("${uri}")`,
      "-c",
      `h.poll(10000)`,
    ]);
    await runOk("nbdcopy", [uri!, "null:"]);
    const { code } = await server.stop();
    expect(code).toBe(0);
    await idle;
  });
});
