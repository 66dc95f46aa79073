/** fileio_tgt's options, each seen by a real initiator. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Disk, FileioTgt } from "./support/fileio-tgt.ts";
import { Images, MIB, readAt } from "./support/images.ts";
import { run, runOk } from "./support/run.ts";
import { toolsAreMissing } from "./support/tools.ts";

const SIZE = 32 * MIB;

const TOOLS = ["iscsi-ls", "iscsi-inq", "iscsi-readcapacity16", "qemu-io", "qemu-iscsi"] as const;

describe.skipIf(toolsAreMissing(...TOOLS))("fileio_tgt's options", () => {
  let images: Images;
  let disk: Disk;
  let running: FileioTgt[] = [];

  beforeEach(async () => {
    images = await Images.open();
    disk = { name: "disk1", path: await images.sparse("disk1.img", SIZE) };
  });

  afterEach(async () => {
    for (const server of running) await server[Symbol.asyncDispose]();
    running = [];
    await images[Symbol.asyncDispose]();
  });

  async function start(disks: readonly Disk[], ...options: string[]): Promise<FileioTgt> {
    const server = await FileioTgt.start(disks, { options });
    running.push(server);
    return server;
  }

  async function stop(server: FileioTgt): Promise<void> {
    expect(await server.stop()).toMatchObject({ code: 0, signal: null });
  }

  const io = (url: string, ...commands: string[]) =>
    run("qemu-io", ["-f", "raw", ...commands.flatMap((command) => ["-c", command]), url]);

  async function ioOk(url: string, ...commands: string[]): Promise<void> {
    const { code, output } = await io(url, ...commands);
    expect(output).not.toContain("verification failed");
    expect(code, `said: ${output}`).toBe(0);
  }

  async function isAll(path: string, byte: number, length = MIB): Promise<boolean> {
    return (await readAt(path, 0, length)).every((found) => found === byte);
  }

  test("two disks are LUN 0 and LUN 1, and do not mix", async () => {
    const second = { name: "disk2", path: await images.sparse("disk2.img", 2 * SIZE) };
    const server = await start([disk, second]);
    const [first = "", other = ""] = server.urls;
    const found = await runOk("iscsi-ls", ["-s", `iscsi://${server.portal}`]);
    expect(found).toMatch(/^Lun:0 .*Size:3[12]M/m);
    expect(found).toMatch(/^Lun:1 .*Size:6[34]M/m);
    await ioOk(first, "write -P 1 0 1M");
    await ioOk(other, "write -P 2 0 1M");
    await ioOk(first, "read -P 1 0 1M");
    expect(await isAll(disk.path, 1)).toBe(true);
    expect(await isAll(second.path, 2)).toBe(true);
    await stop(server);
  });

  test("-b 4096: blocks of 4096 bytes", async () => {
    const server = await start([disk], "-b", "4096");
    const [url = ""] = server.urls;
    const capacity = await runOk("iscsi-readcapacity16", [url]);
    expect(capacity).toContain("LOGICAL BLOCK LENGTH IN BYTES:4096\n");
    expect(capacity).toContain(`RETURNED LOGICAL BLOCK ADDRESS:${SIZE / 4096 - 1}\n`);
    expect(capacity).toContain(`Total size:${SIZE}\n`);
    await ioOk(url, "write -P 3 4k 8k", "read -P 3 4k 8k", "read -P 0 0 4k");
    await stop(server);
  });

  test("-r: reads are served, writes are refused", async () => {
    const server = await start([disk], "-r");
    const [url = ""] = server.urls;
    await runOk("qemu-io", ["-r", "-f", "raw", "-c", "read -P 0 0 1M", url]);
    const { code, output } = await io(url, "write -P 4 0 1M");
    expect(code).not.toBe(0);
    expect(output).toMatch(/write.?protected|read.?only|not permitted|DATA_PROTECT/i);
    expect(await isAll(disk.path, 0)).toBe(true);
    await stop(server);
  });

  test("-n: commands succeed and the file is not touched", async () => {
    const server = await start([disk], "-n");
    const [url = ""] = server.urls;
    const { code, output } = await io(url, "write -P 5 0 1M", "read 0 1M", "flush");
    expect(code, `said: ${output}`).toBe(0);
    expect(await isAll(disk.path, 0)).toBe(true);
    await stop(server);
  });

  test("-t: what was written is there after kill -9", async () => {
    const server = await start([disk], "-t");
    await ioOk(server.urls[0]!, "write -P 6 0 1M", "read -P 6 0 1M");
    await server.kill();
    expect(await isAll(disk.path, 6)).toBe(true);
  });

  test("a restart keeps data and identity", async () => {
    const identify = async ({ urls: [url = ""] }: FileioTgt) => ({
      serial: await runOk("iscsi-inq", ["-e", "1", "-c", String(0x80), url]),
      designators: await runOk("iscsi-inq", ["-e", "1", "-c", String(0x83), url]),
    });
    const first = await start([disk]);
    await ioOk(first.urls[0]!, "write -P 7 1M 1M", "flush");
    const before = await identify(first);
    await stop(first);

    const second = await start([disk]);
    expect(await identify(second)).toEqual(before);
    await ioOk(second.urls[0]!, "read -P 7 1M 1M");
    await stop(second);
  });

  test("two names have two identities", async () => {
    const second = { name: "disk2", path: await images.sparse("disk2.img", SIZE) };
    const server = await start([disk, second]);
    const serials = await Promise.all(
      server.urls.map((url) => runOk("iscsi-inq", ["-e", "1", "-c", String(0x80), url])),
    );
    expect(new Set(serials).size).toBe(2);
    await stop(server);
  });
});
