/** The program, from its sources. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";

import { askServer } from "../../../examples/vtl/control.ts";
import { Program as ExampleProgram } from "../support/program.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "vtl-"));
  folders.push(folder);
  return join(folder, "lib");
}

class Program extends ExampleProgram {
  constructor(...words: string[]) {
    super("vtl", words);
  }
}

/** Runs a command to its end; what it printed, or what went wrong. */
async function vtl(line: string): Promise<string> {
  const program = new Program(...line.split(" "));
  const code = await program.ended;
  return code === 0 ? program.stdout.trimEnd() : `${code}: ${program.stderr.trimEnd()}`;
}

async function serve(folder: string): Promise<Program> {
  const program = new Program("serve", folder, "--iscsi", "127.0.0.1:0");
  await program.printed("ready");
  return program;
}

describe("vtl", { timeout: 120_000 }, () => {
  test("a library is made, served, killed, and served again", async () => {
    const folder = newFolder();
    const create = `create ${folder} --library autoloader --barcodes VTL001L8..VTL002L8`;
    expect(await vtl(`${create} --capacity 1G --serial AB12 --name robo`)).toBe("");
    expect(await vtl(`load ${folder} VTL002L8`)).toBe("VTL002L8 drive:1");
    const served = await serve(folder);
    const [changer, drive] = served.stdout.split("\n");
    const iqn = String.raw`iscsi://127\.0\.0\.1:\d+/iqn\.2026-11\.io\.scst-user:robo`;
    expect(changer).toMatch(new RegExp(`^changer {2}SCST_TS AUTOLOADER AB12 {2}${iqn}/0$`));
    expect(drive).toMatch(new RegExp(`^drive1 {2}IBM ULT3580-TD8 AB1201 {2}${iqn}/1$`));
    expect(statSync(join(folder, "control.sock")).mode & 0o777).toBe(0o600);
    expect(await vtl(`serve ${folder}`)).toMatch(/another vtl is at work on this library$/);
    expect(await vtl(`unload ${folder} drive:1`)).toBe("drive:1 slot:2");
    expect(await askServer(folder, { command: "load", from: "slot:1" })).toBe("slot:1 drive:1");
    await expect(askServer(folder, { command: "protect", barcode: "VTL001L8" })).rejects.toThrow(
      "VTL001L8 is in drive:1",
    );
    served.child.kill("SIGKILL");
    await served.ended;
    const again = await serve(folder);
    expect(await vtl(`list ${folder}`)).toBe(
      [
        "robo: SCST_TS AUTOLOADER AB12",
        "place    address  cartridge  kind  from",
        "drive:1  256      VTL001L8   data  slot:1",
        "slot:2   4097     VTL002L8   data  slot:2",
      ].join("\n"),
    );
    again.child.kill("SIGTERM");
    expect(await again.ended).toBe(0);
    expect(again.stderr).toBe("");
  });

  test("--help, --version and mistakes", async () => {
    expect(await vtl("--help")).toMatch(/^Usage: vtl create FOLDER/);
    expect(await vtl("--version")).toMatch(/^vtl \d+\.\d+\.\d+$/);
    expect(await vtl("frob x")).toMatch(/^2: vtl: frob: there is no such command.*\n.*--help$/);
    const folder = newFolder();
    expect(await vtl(`list ${folder}`)).toMatch(/^1: vtl: .* is no library: there is no such/);
  });
});
