import { describe, expect, test } from "vitest";

import { type Options, parseOptions } from "../../../examples/fileio_tgt/options.ts";
import { rates, showRates } from "../../../examples/fileio_tgt/rates.ts";
import { targetName } from "../../../examples/fileio_tgt/iscsi.ts";
import { USAGE } from "../../../examples/fileio_tgt/usage.ts";

const words = (line: string) => line.split(" ").filter((word) => word !== "");

function run(line: string): Options {
  const request = parseOptions(words(line));
  if (request.kind !== "run") expect.fail(`${line} is a request for ${request.kind}`);
  return request.options;
}

const core = { parse: "standard", onFree: "ignore", memoryReuse: "all" };

/** What the options of the program are, or of its only device. */
const ACCEPTED: readonly (readonly [line: string, expected: object])[] = [
  [
    "d a.img",
    {
      vdiskId: 0,
      flushSeconds: 0,
      resizeSeconds: 0,
      iscsi: undefined,
      metrics: undefined,
      chap: { users: [], mutual: undefined },
      discoveryChap: { users: [], mutual: undefined },
      notes: [],
      name: "d",
      path: "a.img",
      sizeBytes: undefined,
      blockSize: 512,
      nullio: false,
      store: { readOnly: false, writeThrough: false, engine: "buffered" },
      disk: {
        blockSize: 512,
        readOnly: false,
        writeThrough: false,
        nonVolatileCache: false,
        removable: false,
        product: "d",
        device: core,
      },
    },
  ],
  ["-b 4096 d a.img", { blockSize: 4096, disk: { blockSize: 4096 } }],
  ["--block=4096 d a.img", { blockSize: 4096 }],
  ["-b4096 d a.img", { blockSize: 4096 }],
  ["--size 10G d a.img", { sizeBytes: 10 * 1024 ** 3 }],
  ["--size=4096 d a.img", { sizeBytes: 4096 }],
  ["-o d a.img", { store: { engine: "direct" } }],
  ["--direct --io io_uring d a.img", { store: { engine: "direct", io: "io_uring" } }],
  ["--io thread-pool d a.img", { store: { io: "thread-pool" } }],
  ["-t d a.img", { store: { writeThrough: true }, disk: { writeThrough: true } }],
  ["--write_through d a.img", { store: { writeThrough: true } }],
  ["-r d a.img", { store: { readOnly: true }, disk: { readOnly: true } }],
  ["--read_only d a.img", { disk: { readOnly: true } }],
  ["-n d a.img", { nullio: true, store: { readOnly: true }, disk: { readOnly: false } }],
  ["--nullio d a.img", { nullio: true }],
  ["-c d a.img", { disk: { nonVolatileCache: true } }],
  ["--nv_cache d a.img", { disk: { nonVolatileCache: true } }],
  ["-trc d a.img", { disk: { writeThrough: true, readOnly: true, nonVolatileCache: true } }],
  ["--thin_provisioned d a.img", { disk: { thinProvisioned: true } }],
  ["--rotational 1 d a.img", { disk: { rotationRate: 15_000 } }],
  ["--rotational=0 d a.img", { disk: { rotationRate: 1 } }],
  ["--removable d a.img", { disk: { removable: true } }],
  ["--lb_per_pb_exp 0 d a.img", { disk: { physicalBlockSize: 512 } }],
  ["--opt_trans_len 1M d a.img", { disk: { limits: { optimalTransferBytes: 1_048_576 } } }],
  ["--usn 0123 d a.img", { disk: { serial: "0123" } }],
  ["--t10_dev_id 77 d a.img", { disk: { t10DeviceId: "77" } }],
  ["--naa_id 0x3000000000000ABC d a.img", { disk: { naa: "3000000000000abc" } }],
  ["--eui64_id 0011223344556677 d a.img", { disk: { eui64: "0011223344556677" } }],
  [
    "--t10_vend_id V --prod_id P --prod_rev_lvl 1.0 d a.img",
    { disk: { vendor: "V", product: "P", revision: "1.0" } },
  ],
  ["-p call d a.img", { disk: { device: { ...core, parse: "call" } } }],
  ["--parse=excpt d a.img", { disk: { device: { ...core, parse: "exception" } } }],
  ["-f call d a.img", { disk: { device: { ...core, onFree: "call" } } }],
  ["-m read d a.img", { disk: { device: { ...core, onFree: "call", memoryReuse: "read" } } }],
  [
    "--mem_reuse none --on_free ignore d a.img",
    { disk: { device: { ...core, memoryReuse: "none" } } },
  ],
  ["-I 7 d a.img", { vdiskId: 7 }],
  ["-F 10 d a.img", { flushSeconds: 10 }],
  ["--resize_poll 5 d a.img", { resizeSeconds: 5 }],
  ["--state_dir=pr d a.img", { stateFolder: "pr" }],
  ["--vdisk_id=0x10 d a.img", { vdiskId: 16 }],
  ["--metrics 9100 d a.img", { metrics: { host: "127.0.0.1", port: 9100 } }],
  ["--metrics=0.0.0.0:9100 d a.img", { metrics: { host: "0.0.0.0", port: 9100 } }],
  ["--metrics [::1]:9100 d a.img", { metrics: { host: "::1", port: 9100 } }],
  [
    "--chap a:f --chap=b:g --mutual-chap t:h d a.img",
    { chap: { users: ["a:f", "b:g"], mutual: "t:h" } },
  ],
  ["--discovery-chap a:f d a.img", { discoveryChap: { users: ["a:f"], mutual: undefined } }],
  ["--iscsi d a.img", { iscsi: { host: "127.0.0.1", port: 3260 } }],
  ["d a.img --iscsi", { iscsi: { host: "127.0.0.1", port: 3260 } }],
  ["--iscsi 10.0.0.1:3261 d a.img", { iscsi: { host: "10.0.0.1", port: 3261 } }],
  ["--iscsi=localhost:0 d a.img", { iscsi: { host: "localhost", port: 0 } }],
  ["--iscsi :3260 d a.img", { iscsi: { host: "0.0.0.0", port: 3260 } }],
  ["--iscsi [::1]:3260 d a.img", { iscsi: { host: "::1", port: 3260 } }],
  ["--nbd d a.img", { nbd: { addresses: [{ host: "127.0.0.1", port: 10_809 }] } }],
  ["--nbd 10.0.0.1:1 d a.img", { nbd: { addresses: [{ host: "10.0.0.1", port: 1 }] } }],
  ["--nbd [::1]:0 d a.img", { nbd: { addresses: [{ host: "::1", port: 0 }] } }],
  ["--nbd unix:s d a.img", { nbd: { addresses: [{ path: "s" }], tls: undefined } }],
  [
    "--nbd --tls=required --tls_certificates=c --tls_verify_peer d a.img",
    { nbd: { tls: { mode: "required", folder: "c", verifyPeer: true } } },
  ],
  [
    "--nbd --tls allowed --tls_psk keys.psk d a.img",
    { nbd: { tls: { mode: "allowed", verifyPeer: false, preSharedKeys: "keys.psk" } } },
  ],
  ["d a.img e b.img", { devices: [{ name: "d" }, { name: "e", path: "b.img" }] }],
  ["-- -d a.img", { name: "-d", path: "a.img" }],
];

const REFUSED: readonly (readonly [line: string, message: string])[] = [
  ["", "a NAME and a PATH are missing"],
  ["d", "d: a name without a path"],
  ["d a.img e", "e: a name without a path"],
  ["-b 1000 d a.img", "-b, --block 1000: it must be a power of two from 512 to 65536"],
  ["-b 256 d a.img", "-b, --block 256: it must be a whole number from 512 to 65536"],
  ["-b 4k d a.img", "-b, --block 4k: it must be a whole number from 512 to 65536"],
  ["-p none d a.img", "-p, --parse none: it must be one of std, call, excpt"],
  ["-f never d a.img", "-f, --on_free never: it must be one of ignore, call"],
  ["-m some d a.img", "-m, --mem_reuse some: it must be one of all, read, write, none"],
  ["-m toString d a.img", "-m, --mem_reuse toString: it must be one of"],
  ["-I x d a.img", "-I, --vdisk_id x: it must be a whole number from 0 to 4294967295"],
  ["-e 0 d a.img", "-e, --threads 0: it must be a whole number from 1 to 64"],
  ["-e 2 -o d a.img", "--direct with -e, --threads 2: it must be served by one thread"],
  ["-e 2 --removable d a.img", "--removable with -e, --threads 2"],
  ["--export a/b/c d a.img", "it must be DRIVER, DRIVER/TARGET or DRIVER/TARGET:LUN"],
  ["--kernel --iscsi d a.img", "--kernel: it can't be with --iscsi or --nbd"],
  ["--export scst_local --nbd d a.img", "--export: it can't be with --iscsi or --nbd"],
  ["-F often d a.img", "-F, --flush often: it must be a whole number from 0 to 86400"],
  ["-M 2 d a.img", "-M, --multi_cmd 2: it must be a whole number from 0 to 1"],
  ["--iscsi=host d a.img", "--iscsi host: it must be HOST:PORT, such as 127.0.0.1:3260"],
  ["--iscsi=host:99999 d a.img", "--iscsi host:99999: it must be HOST:PORT"],
  ["--nbd=host d a.img", "--nbd host: it must be HOST:PORT, such as 127.0.0.1:10809, or unix:PATH"],
  ["--nbd=unix: d a.img", "--nbd unix:: it must be HOST:PORT"],
  ["--nbd --tls=on d a.img", "--tls on: it must be one of off, allowed, required"],
  ["--nbd --tls=required d a.img", "--tls_certificates or --tls_psk is missing"],
  ["--tls=required --tls_psk=k d a.img", "--tls is about NBD: --nbd is missing"],
  ["-x d a.img", "Unknown option '-x'"],
  ["--size 1 d a.img", "--size 1: it must be a size from 512 to 9007199254740991 bytes"],
  ["--size 1X d a.img", "--size 1X: it must be a size"],
  ["--io some d a.img", "--io some: it must be one of auto, io_uring, thread-pool"],
  ["--rotational 2 d a.img", "--rotational 2: it must be true or false"],
  ["--usn 1 d a.img e b.img", "--usn: each disk needs its own; name several disks in a --config"],
  ["--naa_id 123 d a.img", "--naa_id 123: it must be 16 or 32 hexadecimal digits"],
  ["--t10_vend_id TOOLONGNAME d a.img", "TOOLONGNAME: it must be 1 to 8 ASCII characters"],
  ["-P never d a.img", "-P, --sgv_purge_interval never: it must be a whole number"],
  ["--awake 10001 d a.img", "--awake 10001: it must be a whole number from 0 to 10000"],
  ["--awake 1 --blocking d a.img", "--awake with --blocking: its threads wait in the kernel"],
  ["--config no-such.json", "--config no-such.json: ENOENT"],
  ["--config package.json d a.img", "package.json: devices: it must be a list"],
  ["--read_only=yes d a.img", "does not take an argument"],
  ["d a.img d b.img", 'name "d": there are two of it'],
  ["a.b a.img", 'name "a.b": it must have 1 to 48 ASCII characters, none of them . or /'],
  [`${"d".repeat(49)} a.img`, "it must have 1 to 48 ASCII characters"],
  ["d a ".repeat(257), "257 devices: there can be at most 256"],
];

describe("options", () => {
  test.each(ACCEPTED)("%s", (line, expected) => {
    const options = run(line);
    expect({ ...options, ...options.devices[0] }).toMatchObject(expected);
  });

  test.each(REFUSED)("refused: %s", (line, message) => {
    const refusal = () => parseOptions(words(line));
    expect(refusal).toThrow(message);
    const code = line.startsWith("--export a") ? "EXPORT_PLACE" : "OPTION";
    expect(refusal).toThrow(expect.objectContaining({ name: "UsageError", code }));
  });

  test("what is about the kernel's SCST", () => {
    const { kernel } = run("-e 4 -u -R 16 -Z 64 -S 2 -P 5 -D --export iscsi/t:3 d a.img");
    expect(kernel).toEqual({
      place: "iscsi/t:3",
      threads: 4,
      blocking: false,
      awakeTimeUsMax: undefined,
      unregister: true,
      preallocateCount: 16,
      preallocateBytes: 65_536,
      bufferPool: { singlePages: 2, purgeIntervalSeconds: 5, clustered: false },
    });
    expect(run("--kernel d a.img").kernel).toMatchObject({ place: undefined, threads: 1 });
    expect(run("--blocking d a.img").kernel).toMatchObject({ blocking: true, threads: 1 });
    expect(run("--awake 50 d a.img").kernel).toMatchObject({ awakeTimeUsMax: 50 });
    expect(run("--iscsi d a.img").kernel).toBeUndefined();
  });

  test.each([
    ["--iscsi -e 7 d a.img", "-e, --threads has no effect"],
    ["-l d a.img", "-l, --non_blocking has no effect"],
    ["-M 0 d a.img", "-M, --multi_cmd has no effect"],
    ["--iscsi --blocking d a.img", "--blocking has no effect"],
    ["--iscsi --awake 50 d a.img", "--awake has no effect"],
    ["--iscsi -u d a.img", "-u, --unreg_before_close has no effect"],
    ["-s d a.img", "-s, --sgv_shared has no effect"],
    ["--iscsi -S 1 d a.img", "-S, --sgv_single_cache has no effect"],
    ["--iscsi -P 60 d a.img", "-P, --sgv_purge_interval has no effect"],
    ["--iscsi -D d a.img", "-D, --sgv_disable_clustered_pool has no effect"],
    ["--iscsi -R 16 d a.img", "-R, --prealloc_buffers has no effect"],
    ["--iscsi -Z 64 d a.img", "-Z, --prealloc_buffer_size has no effect"],
    ["-d 0xff d a.img", "-d, --debug has no effect"],
  ])("accepted without effect: %s", (line, note) => {
    expect(run(line).notes).toEqual([expect.stringContaining(note)]);
  });

  test.each([
    ["-h", "help"],
    ["--help", "help"],
    ["-v", "version"],
    ["--version", "version"],
  ])("%s", (line, kind) => {
    expect(parseOptions(words(line)).kind).toBe(kind);
  });

  test("the usage names every option", () => {
    for (const short of "botrncpfmIvhelFMusSPDRZd") expect(USAGE).toContain(`-${short}, --`);
    for (const long of [
      "kernel",
      "awake",
      "export",
      "iscsi",
      "nbd",
      "tls",
      "tls_certificates",
      "tls_verify_peer",
      "tls_psk",
    ]) {
      expect(USAGE).toContain(`--${long}`);
    }
  });
});

test.each([
  ["disk1", "iqn.2026-11.io.scst-user:disk1"],
  ["My_Disk", "iqn.2026-11.io.scst-user:my-disk"],
])("the target of %s", (device, iqn) => {
  expect(targetName(device)).toBe(iqn);
});

describe("rates", () => {
  const none = { commands: 0, readBytes: 0, writtenBytes: 0 };

  test("are a second's", () => {
    const now = { commands: 24_690, readBytes: 100_000_000, writtenBytes: 1_000_000 };
    expect(rates(none, now, 2)).toBe("12,345 commands/s, 50.0 MB/s read, 0.5 MB/s written");
  });

  test("are shown on a terminal only", () => {
    const written: string[] = [];
    const write = (text: string) => written.push(text);
    showRates([{ statistics: none }], { write })();
    expect(written).toEqual([]);
    showRates([{ statistics: none }], { write, isTTY: true })();
    expect(written).toHaveLength(1);
  });
});
