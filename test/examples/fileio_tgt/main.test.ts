import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test, vi } from "vitest";

import { directFolder } from "../../sdk/storage/direct-folder.ts";
import { scratchFiles } from "../../sdk/storage/scratch-file.ts";
import { Program as ExampleProgram } from "../support/program.ts";

const root = join(import.meta.dirname, "../../..");
const newFile = scratchFiles();

/** The program, from its sources. */
class Program extends ExampleProgram {
  constructor(...words: string[]) {
    super("fileio_tgt", words);
  }
}

describe("fileio_tgt", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("serves until %s, and exits with 0", async (signal) => {
    const first = newFile(1 << 20);
    const second = newFile((1 << 20) + 100);
    const words = ["--iscsi", "127.0.0.1:0", "disk1", first, "disk2", second];
    const program = new Program(...words);
    await program.printed("ready");
    const iqn = "iqn.2026-11.io.scst-user:disk1";
    const [line1, line2] = program.stdout.split("\n");
    expect(line1).toMatch(new RegExp(`^disk1  ${first}  iscsi://127.0.0.1:\\d+/${iqn}/0$`));
    expect(line2).toMatch(new RegExp(`^disk2  ${second}  iscsi://127.0.0.1:\\d+/${iqn}/1$`));
    expect(program.stderr).toMatch(/^fileio_tgt: disk2: the last 100 bytes of .* are left out/);
    program.child.kill(signal);
    expect(await program.ended).toBe(0);
  });

  test("looks for a new capacity on SIGUSR1", async () => {
    const path = newFile(1 << 20);
    const program = new Program("--iscsi", "127.0.0.1:0", "disk1", path);
    await program.printed("ready");
    truncateSync(path, 2 << 20);
    program.child.kill("SIGUSR1");
    program.child.kill("SIGTERM");
    expect(await program.ended).toBe(0);
    expect(program.stderr).toBe("");
  });

  test("--metrics serves them to Prometheus, and SIGUSR2 shows the snapshot", async () => {
    const path = newFile(1 << 20);
    const words = ["--metrics", "0", "--iscsi", "127.0.0.1:0", "disk1", path];
    const program = new Program(...words);
    await program.printed("ready");
    const url =
      /^metrics {2}(http:\/\/127\.0\.0\.1:\d+\/metrics)$/m.exec(program.stdout)?.[1] ?? "";
    const response = await fetch(url);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await response.text()).toContain('scst_device_aborted_total{device="disk1"} 0\n');
    const others = [fetch(new URL("/other", url)), fetch(url, { method: "POST" })];
    expect((await Promise.all(others)).map(({ status }) => status)).toEqual([404, 405]);
    program.child.kill("SIGUSR2");
    await vi.waitFor(() => expect(program.stderr).toMatch(/^}$/m), { timeout: 20_000 });
    program.child.kill("SIGTERM");
    expect(await program.ended).toBe(0);
    expect(JSON.parse(program.stderr)).toMatchObject({
      devices: [{ name: "disk1", handler: "user" }],
      measuresLatency: true,
    });
  });

  test("makes a file with --size, and serves it with O_DIRECT and from a configuration", async () => {
    const folder = directFolder();
    if (folder === undefined) return;
    const made = join(mkdtempSync(join(folder, "fileio-")), "new.img");
    const config = newFile(0);
    const device = { name: "disk1", path: made, size: "1M", direct: true, block: 4096, usn: "7" };
    writeFileSync(config, JSON.stringify({ iscsi: "127.0.0.1:0", devices: [device] }));
    const program = new Program("--config", config);
    await program.printed("ready");
    expect(program.stdout).toContain(`disk1  ${made}  iscsi://127.0.0.1:`);
    expect(statSync(made)).toMatchObject({ size: 1 << 20, blocks: 0 });
    program.child.kill("SIGTERM");
    expect(await program.ended).toBe(0);
    expect(program.stderr).toBe("");
    rmSync(dirname(made), { recursive: true });
  });

  test("--nullio leaves the file alone", async () => {
    const path = newFile(1 << 20);
    const program = new Program("-n", "--iscsi", "127.0.0.1:0", "disk1", path);
    await program.printed("ready");
    program.child.kill("SIGTERM");
    expect(await program.ended).toBe(0);
    expect(readFileSync(path).every((byte) => byte === 0)).toBe(true);
  });

  test.each([
    ["a bad option", ["-b", "7", "d", "a.img"], 2, /-b, --block 7: it must be .*\n.*--help/],
    ["no such file", ["--iscsi", ":0", "d", "no-such.img"], 1, /opening no-such.img: ENOENT/],
    ["no file", ["--iscsi", ":0", "d", root], 1, /is a directory/],
    ["no such address", ["--iscsi", "192.0.2.1:1", "d", "package.json"], 1, /listen on 192.0.2.1/],
  ])("%s", async (_name, words, code, message) => {
    const program = new Program(...words);
    expect(await program.ended).toBe(code);
    expect(program.stderr).toMatch(message);
    expect(program.stdout).toBe("");
  });

  // Where there is one, the program would serve it.
  test.skipIf(existsSync("/dev/scst_user"))("no SCST in the kernel", async () => {
    const program = new Program("d", "package.json");
    expect(await program.ended).toBe(1);
    expect(program.stderr).toMatch(/scst_user: ENOENT, .*modprobe scst_user\n.*--iscsi/);
  });

  test("--version and --help", async () => {
    const version = new Program("--version");
    expect(await version.ended).toBe(0);
    expect(version.stdout).toMatch(/^fileio_tgt \d+\.\d+\.\d+\n$/);
    const help = new Program("--help");
    expect(await help.ended).toBe(0);
    expect(help.stdout).toMatch(/^Usage: fileio_tgt /);
  });
});
