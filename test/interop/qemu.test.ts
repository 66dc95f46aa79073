/** qemu's iSCSI initiator: images over and back, patterns, the block layer's requests. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FileioTgt } from "./support/fileio-tgt.ts";
import { digestOf, Images, MIB, readAt } from "./support/images.ts";
import { run, runOk } from "./support/run.ts";
import { toolsAreMissing } from "./support/tools.ts";

const SIZE = 256 * MIB;
const CONVERT_MS_MAX = 60_000;

describe.skipIf(toolsAreMissing("qemu-img", "qemu-io", "qemu-iscsi"))("qemu", () => {
  let images: Images;
  let server: FileioTgt;
  let disk: string;
  let url: string;

  beforeAll(async () => {
    images = await Images.open();
    disk = await images.sparse("disk.img", SIZE);
    server = await FileioTgt.start([{ name: "disk1", path: disk }]);
    url = server.urls[0]!;
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await images[Symbol.asyncDispose]();
  });

  const bench = (...args: string[]) =>
    runOk("qemu-img", ["bench", "-f", "raw", "-t", "none", ...args, url]);

  const io = (...commands: string[]) =>
    run("qemu-io", ["-f", "raw", ...commands.flatMap((command) => ["-c", command]), url]);

  test("qemu-img info tells the size", async () => {
    expect(await runOk("qemu-img", ["info", url])).toContain(`(${SIZE} bytes)`);
  });

  test("an image goes over and comes back unchanged", { timeout: 2 * CONVERT_MS_MAX }, async () => {
    const source = await images.random("source.img", SIZE);
    const back = images.path("back.img");
    const options = { timeoutMs: CONVERT_MS_MAX };
    await runOk("qemu-img", ["convert", "-n", "-f", "raw", "-O", "raw", source, url], options);
    await runOk("qemu-img", ["convert", "-f", "raw", "-O", "raw", url, back], options);
    const digest = await digestOf(source);
    expect(await digestOf(disk)).toBe(digest);
    expect(await digestOf(back)).toBe(digest);
    const compared = await runOk("qemu-img", ["compare", "-f", "raw", "-F", "raw", url, source]);
    expect(compared).toContain("Images are identical.");
  });

  test.each([
    ["4 KiB reads, one at a time", ["-c", "2000", "-d", "1", "-s", "4096"]],
    ["4 KiB reads, 16 deep", ["-c", "10000", "-d", "16", "-s", "4096"]],
    ["1 MiB reads, 4 deep", ["-c", "200", "-d", "4", "-s", "1M"]],
    ["4 KiB writes, 16 deep", ["-w", "-c", "5000", "-d", "16", "-s", "4096"]],
    ["1 MiB writes, 4 deep", ["-w", "-c", "100", "-d", "4", "-s", "1M"]],
    [
      "4 KiB writes with flushes",
      ["-w", "--flush-interval=100", "-c", "500", "-d", "1", "-s", "4k"],
    ],
  ])("qemu-img bench: %s", async (_name, args) => {
    expect(await bench(...args)).toContain("Run completed");
  });

  test("qemu-io writes patterns and reads them back", async () => {
    const { code, output } = await io(
      "write -P 0x5a 0 1M",
      "read -P 0x5a 0 1M",
      "write -P 0xa5 1000k 512",
      "read -P 0xa5 1000k 512",
      "read -P 0x5a 0 1000k",
      "aio_write -P 7 4M 64k",
      "aio_flush",
      "read -P 7 4M 64k",
      "flush",
    );
    expect(output).not.toContain("verification failed");
    expect(code).toBe(0);
    expect((await readAt(disk, 1000 * 1024, 512)).every((byte) => byte === 0xa5)).toBe(true);
  });

  test("write -z makes zeros", async () => {
    const { code, output } = await io("write -P 1 8M 2M", "write -z 8M 1M", "read -P 0 8M 1M");
    expect(output).not.toContain("verification failed");
    expect(code).toBe(0);
    expect((await readAt(disk, 8 * MIB, MIB)).every((byte) => byte === 0)).toBe(true);
    expect((await readAt(disk, 9 * MIB, MIB)).every((byte) => byte === 1)).toBe(true);
  });

  // A disk without UNMAP answers ENOTSUP; either way the blocks beside it stay.
  test("discard works or is refused, and spares its neighbours", async () => {
    await io("write -P 3 16M 3M");
    const { output } = await io("discard 17M 1M");
    expect(output).toMatch(/^discard 1048576\/1048576|Operation not supported/m);
    const { code } = await io("read -P 3 16M 1M", "read -P 3 18M 1M");
    expect(code).toBe(0);
  });

  test("a read past the end is an error, not data", async () => {
    const { code, output } = await io(`read ${SIZE} 4k`);
    expect(code).not.toBe(0);
    expect(output).toMatch(/Invalid argument|Input\/output error|out of range|past/i);
  });

  test("header digests where the target can, and another initiator's name", async () => {
    const [, portal, target, lun] = /^iscsi:\/\/([^/]+)\/([^/]+)\/(\d+)$/.exec(url)!;
    const options = [
      `driver=iscsi,transport=tcp,portal=${portal},target=${target},lun=${lun}`,
      "header-digest=crc32c-none,initiator-name=iqn.2026-01.test.interop:digests",
    ].join(",");
    const commands = ["-c", "write -P 9 32M 1M", "-c", "read -P 9 32M 1M"];
    const output = await runOk("qemu-io", ["--image-opts", ...commands, options]);
    expect(output).not.toContain("verification failed");
  });

  test("a qcow2 image lives on the LUN", async () => {
    await runOk("qemu-img", ["create", "-f", "qcow2", url, "64M"]);
    const commands = ["-c", "write -P 4 0 8M", "-c", "read -P 4 0 8M"];
    const output = await runOk("qemu-io", ["-f", "qcow2", ...commands, url]);
    expect(output).not.toContain("verification failed");
    expect(await runOk("qemu-img", ["check", "-f", "qcow2", url])).toContain(
      "No errors were found",
    );
  });

  test("SIGTERM ends the server with exit code 0", async () => {
    expect(await server.stop()).toMatchObject({ code: 0, signal: null });
  });
});
