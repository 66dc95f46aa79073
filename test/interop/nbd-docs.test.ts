/** docs/nbd.md does what it says. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { NBD_LIMITS } from "../../src/targets/nbd/limits.ts";
import { FileioTgt } from "./support/fileio-tgt.ts";
import { Images } from "./support/images.ts";
import { run } from "./support/run.ts";
import { toolsAreMissing } from "./support/tools.ts";

const root = join(import.meta.dirname, "../..");
const text = readFileSync(join(root, "docs/nbd.md"), "utf8");

const blocks = (language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))].map(
    ([, code]) => code!,
  );

const commands = blocks("console").map((block) =>
  [...block.matchAll(/^\$ (.*)$/gm)].map(([, line]) => line!),
);

const TOOLS = ["fio", "nbdcopy", "nbdinfo", "qemu-img"] as const;

describe.skipIf(toolsAreMissing(...TOOLS))("docs/nbd.md", () => {
  test("the commands", async () => {
    await using images = await Images.open();
    const [[truncate, server] = [], clients = []] = commands;
    const inFolder = (line: string) => run("bash", ["-c", `cd '${images.folder}' && ${line}`]);
    expect((await inFolder(truncate!)).code).toBe(0);
    const [, options, socket, name, path] =
      /^fileio_tgt (--nbd) unix:(\S+) (\S+) (\S+)$/.exec(server!) ?? [];
    await using target = await FileioTgt.start([{ name: name!, path: images.path(path!) }], {
      options: [options!, `unix:${images.path(socket!)}`],
    });
    expect(clients.length).toBeGreaterThan(3);
    for (const line of clients) expect(await inFolder(line)).toMatchObject({ code: 0 });
    expect(target.running).toBe(true);
  });
});

test("docs/nbd.md: the limits", () => {
  const rows = [...text.matchAll(/^\| `(\w+Max)` \| (\d+) \|/gm)];
  expect(Object.fromEntries(rows.map(([, name, value]) => [name, Number(value)]))).toEqual(
    NBD_LIMITS,
  );
});

test("docs/nbd.md: the program", () => {
  const folder = join(root, "dist", "docs-nbd");
  mkdirSync(folder, { recursive: true });
  try {
    const file = join(folder, "program.ts");
    writeFileSync(file, blocks("ts")[0]!);
    const args = ["--import", "tsx", "--conditions=source", file];
    const output = execFileSync(process.execPath, args, { cwd: root, encoding: "utf8" });
    expect(output).toBe("127.0.0.1\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
