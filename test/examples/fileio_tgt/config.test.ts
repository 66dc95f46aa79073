import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { DEVICE_RULES } from "../../../examples/fileio_tgt/device-settings.ts";
import { parseOptions } from "../../../examples/fileio_tgt/options.ts";
import { PROGRAM_RULES } from "../../../examples/fileio_tgt/program-rules.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "config-"));
});

afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string, ...words: string[]) {
  const path = join(folder, "fileio.json");
  writeFileSync(path, text);
  const request = parseOptions(["--config", path, ...words]);
  if (request.kind !== "run") expect.fail(`a request for ${request.kind}`);
  return request.options;
}

const readObject = (value: unknown, ...words: string[]) => read(JSON.stringify(value), ...words);
const d = { name: "d", path: "a.img" };

const readme = readFileSync(
  join(import.meta.dirname, "../../../examples/fileio_tgt/README.md"),
  "utf8",
);

describe("a configuration file", () => {
  test("with an iSCSI server of its own, whose secrets stand in files beside it", () => {
    writeFileSync(join(folder, "alice"), "a secret of alice\n", { mode: 0o600 });
    const iqn = "iqn.2026-01.org.example:disk";
    const chap = {
      users: [{ name: "alice", secretFile: "alice", initiators: ["*:host1"] }] as [
        { name: string; secretFile: string; initiators: string[] },
      ],
    };
    const iscsi = {
      portals: [{ host: "127.0.0.1", port: 0 }],
      chap,
      targets: [{ iqn, luns: [{ lun: 3, device: "d" }], sessionCountMax: 2 }],
    };
    const options = readObject({ iscsi, devices: [d] });
    expect(options.iscsi).toBeUndefined();
    const { portals, targets, options: server } = options.iscsiConfig ?? {};
    expect(portals).toMatchObject([{ host: "127.0.0.1", port: 0 }]);
    expect(targets).toMatchObject([{ iqn, luns: [[3, "d"]], sessionCountMax: 2 }]);
    const [alice] = server?.chap?.users ?? [];
    expect(alice).toMatchObject({ name: "alice", initiators: ["*:host1"] });
    expect(Buffer.from(alice?.secret ?? "").toString()).toBe("a secret of alice");
    // An address on the command line wins.
    const other = readObject({ iscsi, devices: [d] }, "--iscsi", "127.0.0.1:0");
    expect(other.iscsi).toEqual({ host: "127.0.0.1", port: 0 });
    expect(() => readObject({ iscsi: { targets: [{ iqn: 1 }] }, devices: [d] })).toThrow(
      /fileio\.json: iscsi\.targets\[0\]\.iqn is 1/,
    );
    chap.users[0].secretFile = "nowhere";
    expect(() => readObject({ iscsi, devices: [d] })).toThrow(/secretFile: .*nowhere/);
  });

  test("with devices of different kinds; paths are relative to the file", () => {
    const options = readObject({
      iscsi: "127.0.0.1:0",
      state_dir: "state",
      resize_poll: 5,
      devices: [
        { ...d, block: 4096, direct: true, usn: "1", size: "1G" },
        { name: "e", path: "/dev/null", thin_provisioned: true, rotational: true },
      ],
    });
    expect(options).toMatchObject({
      iscsi: { host: "127.0.0.1", port: 0 },
      stateFolder: join(folder, "state"),
      resizeSeconds: 5,
      flushSeconds: 0,
      devices: [
        {
          path: join(folder, "a.img"),
          blockSize: 4096,
          sizeBytes: 1024 ** 3,
          store: { engine: "direct" },
          disk: { serial: "1" },
        },
        { path: "/dev/null", disk: { thinProvisioned: true, rotationRate: 15_000 } },
      ],
    });
  });

  test("what the command line says of the program wins", () => {
    const file = { iscsi: "127.0.0.1:0", flush: 5, devices: [d] };
    expect(readObject(file, "--iscsi", "127.0.0.1:7", "-F", "9")).toMatchObject({
      iscsi: { port: 7 },
      flushSeconds: 9,
    });
  });

  test.each<[unknown, string]>([
    [[], "the file: it must be an object in braces"],
    [{}, "devices: it must be a list with at least one device"],
    [{ devices: [] }, "devices: it must be a list with at least one device"],
    [{ devices: [7] }, "devices[0]: it must be an object in braces"],
    [{ devices: [{ path: "a" }] }, "devices[0].name undefined: it must have 1 to 48 ASCII"],
    [{ devices: [{ name: "d" }] }, "devices[0].path undefined: it must be a path"],
    [{ devices: [d, d] }, 'name "d": there are two of it'],
    [{ devices: [{ ...d, block: 1000 }] }, "devices[0].block 1000: it must be a power of two"],
    [{ devices: [{ ...d, block: "512" }] }, "devices[0].block 512: it must be a whole number"],
    [{ devices: [d, { ...d, blok: 1 }] }, "devices[1].blok: there is no such option; there are b"],
    [{ devices: [{ ...d, toString: 1 }] }, "devices[0].toString: there is no such option"],
    [{ devices: [{ ...d, direct: "yes" }] }, "devices[0].direct yes: it must be true or false"],
    [{ devices: [{ ...d, usn: 7 }] }, "devices[0].usn 7: it must be 1 to 64 ASCII characters"],
    [{ devices: [d], flush: -1 }, "flush -1: it must be a whole number from 0 to 86400"],
    [{ devices: [d], port: 1 }, "port: there is no such option; there are vdisk_id, flush"],
    [{ devices: [d], iscsi: "host" }, "iscsi host: it must be HOST:PORT"],
  ])("refused: %j", (value, message) => {
    expect(() => readObject(value)).toThrow(expect.objectContaining({ code: "OPTION" }));
    expect(() => readObject(value)).toThrow(message);
  });

  test("what is no JSON", () => {
    expect(() => read("{ devices: }")).toThrow(/^--config .*fileio\.json: it must be JSON: /);
  });

  test.each([
    ["d", "a.img"],
    ["-b", "4096"],
  ])("devices and their options are not for the command line as well: %s", (...words) => {
    expect(() => readObject({ devices: [d] }, ...words)).toThrow(
      /: with --config the devices and their options are in the file/,
    );
  });

  test("its README's example is one, and names every option there is", () => {
    const [, example = ""] = /```json\n([^]*?)```/.exec(readme) ?? [];
    expect(read(example).devices.map(({ name }) => name)).toEqual(["fast", "thin"]);
    for (const name of [...Object.keys(DEVICE_RULES), ...Object.keys(PROGRAM_RULES)]) {
      expect(readme).toContain(`\`${name}\``);
    }
  });
});
