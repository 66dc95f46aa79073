/** The README's commands, as they are printed there, but for the ports. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

import { run } from "../../interop/support/run.ts";
import { toolsAreMissing } from "../../interop/support/tools.ts";

const root = join(import.meta.dirname, "../../..");
const folder = mkdtempSync(join(tmpdir(), "snapshot-disk-"));
const program = join(root, "examples/snapshot-disk/main.ts");
const flags = ["--import", import.meta.resolve("tsx"), "--conditions=source", program];
let server: ChildProcess | undefined;

afterAll(() => {
  server?.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

/** What a passphrase costs on purpose, on a machine that has much else to do. */
const KDF_MS_MAX = 60_000;
const README_MS_MAX = 300_000;

/** The blocks of commands; each command with the lines it prints. */
const blocks = [
  ...readFileSync(join(root, "examples/snapshot-disk/README.md"), "utf8").matchAll(
    /^```console\n(.*?)^```$/gms,
  ),
].map(([, text = ""]) =>
  text
    .split("\n$ ")
    .map((part) => part.replace(/^\$ /, "").trim().split("\n"))
    .map(([command = "", ...output]) => ({ command, output })),
);

function wordsOf(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "");
}

/** Files are in a folder of the test. */
function inFolder(words: readonly string[]): string[] {
  return words.map((word) => (/\.(qcow2|key)$/.test(word) ? join(folder, word) : word));
}

async function snapshotDisk(...words: string[]) {
  return await run(process.execPath, [...flags, ...inFolder(words)], { timeoutMs: KDF_MS_MAX });
}

/** Starts the server; gives the addresses that it has instead of those in the README. */
async function serve(words: readonly string[]): Promise<Map<string, string>> {
  const free = words.map((word) => word.replace(/:\d+$/, ":0"));
  const child = spawn(process.execPath, [...flags, ...inFolder(free)]);
  server = child;
  let printed = "";
  for await (const chunk of child.stdout) {
    printed += String(chunk);
    if (printed.endsWith("ready\n")) break;
  }
  const addresses = [...printed.matchAll(/(127\.0\.0\.1:\d+)/g)].map(([address]) => address);
  return new Map([
    ["127.0.0.1:3260", addresses[0] as string],
    ["127.0.0.1:10809", addresses[1] as string],
  ]);
}

/** As who is at the terminal does it, with Ctrl-C. */
async function endServer(): Promise<void> {
  const ended = new Promise((resolve) => server?.once("close", resolve));
  server?.kill("SIGINT");
  expect(await ended).toBe(0);
}

describe.skipIf(toolsAreMissing("qemu-img", "qemu-io"))("the README", () => {
  test(
    "is true",
    async () => {
      writeFileSync(join(folder, "secret.key"), "secret");
      let addresses = new Map<string, string>();
      const actual = (text: string) =>
        text.replaceAll(/127\.0\.0\.1:\d+/g, (address) => addresses.get(address) ?? address);
      for (const [index, block] of blocks.entries()) {
        if (index === 2) await endServer();
        for (const { command, output } of block) {
          const [tool = "", ...words] = wordsOf(actual(command));
          if (words[0] === "serve") {
            addresses = await serve(words);
            expect(statSync(`${inFolder(words)[1]}.sock`).mode & 0o777).toBe(0o600);
            continue;
          }
          const result =
            tool === "snapshot-disk"
              ? await snapshotDisk(...words)
              : await run(tool, inFolder(words));
          expect({ command, ...result }).toMatchObject({ command, code: 0, stderr: "" });
          expect(result.stdout).not.toContain("verification failed");
          if (output.length > 0)
            expect(result.stdout.trim().split("\n")).toEqual(output.map(actual));
          if (words[0] === "list")
            expect(result.stdout).toMatch(/^1\tmonday\t\d{4}-\S+Z\t67108864\n$/);
        }
      }
      await endServer();
    },
    README_MS_MAX,
  );

  test("one process has the file, and refusals are clear", async () => {
    await serve(["serve", "disk.qcow2", "--iscsi", "127.0.0.1:0", "--nbd", "127.0.0.1:0"]);
    const twice = await snapshotDisk("serve", "disk.qcow2", "--nbd", "127.0.0.1:0");
    expect(twice.stderr).toMatch(/another process has it open/);
    const fails = async (message: RegExp, ...words: string[]) => {
      const result = await snapshotDisk(...words);
      expect(result.code).toBe(2);
      expect(result.stderr).toMatch(message);
    };
    await fails(/has no snapshot "x"/, "delete", "disk.qcow2", "x");
    await fails(/say which --snapshot/, "clone", "disk.qcow2", "other.qcow2");
    expect((await snapshotDisk("snap", "disk.qcow2", "x")).code).toBe(0);
    expect((await snapshotDisk("export", "disk.qcow2", "x")).code).toBe(0);
    await fails(/"x" is in use/, "delete", "disk.qcow2", "x");
    await fails(/exported already/, "export", "disk.qcow2", "x");
    expect((await snapshotDisk("list", "disk.qcow2")).stdout).toMatch(/^1\tx\t.*\tLUN 1$/m);
    const killed = new Promise((resolve) => server?.once("close", resolve));
    server?.kill("SIGKILL");
    await killed;
    // The socket is still there, but nobody answers.
    expect((await snapshotDisk("delete", "disk.qcow2", "x")).code).toBe(0);
    await fails(/the disk is not served/, "export", "disk.qcow2", "x");
    expect((await snapshotDisk("list", "disk.qcow2")).stdout).toBe("");
  });
});

test.each([
  [["fly", "a"], /"fly": it must be one of create, serve/],
  [["create", "a"], /--size is missing/],
  [["create", "a", "--size", "7Q"], /--size 7Q: it must be bytes/],
  [["snap", "a"], /snap: it takes FILE NAME/],
  [["serve", "a"], /--iscsi, --nbd or --kernel is missing/],
  [["serve", "a", "--nbd", "h:1", "--kernel"], /--kernel can't be with --iscsi or --nbd/],
  [["serve", "a", "--export", "x/y/z"], /--export "x\/y\/z": it must be DRIVER/],
  [["serve", "a", "--nbd", "x"], /--nbd x: it must be HOST:PORT/],
  [["list", "a", "--force"], /list: there is no --force/],
])("%j", async (words, message) => {
  const result = await run(process.execPath, [...flags, ...words]);
  expect(result).toMatchObject({ code: 2, stdout: "" });
  expect(result.stderr).toMatch(message);
});
