/** What operators do, in the test's own process. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";

import { administer } from "../../../examples/vtl/admin.ts";
import { askServer, listenForOperators } from "../../../examples/vtl/control.ts";
import { createLibrary } from "../../../examples/vtl/create.ts";
import { type Listing, OperatedLibrary } from "../../../examples/vtl/library.ts";
import { lockLibrary } from "../../../examples/vtl/lock.ts";
import { parseOptions } from "../../../examples/vtl/options.ts";
import { showProgress } from "../../../examples/vtl/progress.ts";
import { tableOf } from "../../../examples/vtl/table.ts";
import { readDescription } from "../../../src/sdk/index.ts";

const folders: string[] = [];
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function newLibrary(more = ""): Promise<string> {
  const folder = join(mkdtempSync(join(tmpdir(), "vtl-")), "lib");
  folders.push(join(folder, ".."));
  await create(`create ${folder} --library autoloader --capacity 1M ${more}`.trim());
  return folder;
}

async function create(line: string): Promise<void> {
  const request = parseOptions(line.split(" "));
  if (request.kind !== "create") expect.fail(line);
  await createLibrary(request.folder, request.library, () => undefined);
}

/** An operator's command to a library at rest: what it says. */
async function operate(folder: string, line: string): Promise<string> {
  const [command = "", ...words] = line.split(" ");
  const parsed = parseOptions([command, folder, ...words]);
  if (parsed.kind !== "admin") expect.fail(line);
  const answer = await administer(new OperatedLibrary(folder), parsed.request);
  return typeof answer === "string" ? answer : tableOf(answer);
}

function contents(folder: string): string {
  const { elements, shelf }: Listing = new OperatedLibrary(folder).list(false);
  const full = elements.filter(({ barcode }) => barcode !== undefined);
  const places = full.map(({ place, barcode }) => `${place}=${barcode}`);
  return [...places, ...shelf.map((barcode) => `shelf=${barcode}`)].join(" ");
}

describe("operators", () => {
  test.each([
    ["load A", "A drive:1", "drive:1=A slot:2=B slot:3=CLN1"],
    ["load slot:2 drive:1", "slot:2 drive:1", "drive:1=B slot:1=A slot:3=CLN1"],
    ["move A mail:1", "A mail:1", "mail:1=A slot:2=B slot:3=CLN1"],
    [
      "add-cartridge N1,N2",
      "N1 slot:4\nN2 slot:5",
      "slot:1=A slot:2=B slot:3=CLN1 slot:4=N1 slot:5=N2",
    ],
  ])("%s", async (line, said, after) => {
    const folder = await newLibrary("--barcodes A,B,CLN1");
    expect(await operate(folder, line)).toBe(said);
    expect(contents(folder)).toBe(after);
  });

  test.each([
    ["load C", /C: there is no such cartridge in the library, nor is it slot:N/],
    ["load slot:9", /slot:9: there are 8 of them, from 1 on/],
    ["load A drive:2", /drive:2: there are 1 of them/],
    ["load A slot:4", /slot:4 is no drive:N$/],
    ["load slot:4", /refuses: medium source element empty/],
    ["unload drive:1", /refuses: medium source element empty/],
    ["unload A", /slot:1 is no drive:N/],
    ["move A slot:2", /refuses: medium destination element full/],
    ["export A", /slot:1 is no mail:N: move the cartridge to a mail slot first/],
    ["export mail:1", /element 16 is empty/],
    ["import A", /cartridge A is in the library/],
    ["import Z", /there is no cartridge Z/],
    ["import ../A", /a barcode has 1 to 32 characters/],
    ["add-cartridge A", /making the cartridge .*: EEXIST/],
    ["protect Z", /there is no cartridge Z/],
  ])("%s is refused", async (line, message) => {
    const folder = await newLibrary("--barcodes A,B");
    await expect(operate(folder, line)).rejects.toThrow(message);
    expect(contents(folder)).toBe("slot:1=A slot:2=B");
    expect(existsSync(join(folder, "cartridges", "Z"))).toBe(false);
  });

  test("out of the library, back in by a mail slot, and home again", async () => {
    const folder = await newLibrary("--barcodes A,B");
    await operate(folder, "load A");
    await expect(operate(folder, "load B")).rejects.toThrow(/no drive is free/);
    expect(await operate(folder, "unload A")).toBe("A slot:1");
    await operate(folder, "move A mail:1");
    expect(await operate(folder, "export mail:1")).toBe("A shelf");
    expect(contents(folder)).toBe("slot:2=B shelf=A");
    expect(await operate(folder, "import A")).toBe("A mail:1");
    expect(await operate(folder, "load A")).toBe("A drive:1");
    expect(await operate(folder, "unload drive:1 slot:8")).toBe("drive:1 slot:8");
    expect(contents(folder)).toBe("slot:2=B slot:8=A");
  });

  test("cartridges are what they are said to be", async () => {
    const folder = await newLibrary("--barcodes A,CLN1 --personality lto7");
    await operate(folder, "add-cartridge W --kind worm --density lto6 --capacity 2M");
    await operate(folder, "protect A");
    const of = (barcode: string) => readDescription(join(folder, "cartridges", barcode));
    expect(of("A")).toMatchObject({ kind: "data", densityCode: 0x5c, writeProtected: true });
    expect(of("CLN1")).toMatchObject({ kind: "cleaning", cleaningsLeft: 50 });
    expect(of("W")).toMatchObject({ kind: "worm", densityCode: 0x5a, capacityBytes: 2 << 20 });
    await operate(folder, "unprotect A");
    expect(of("A").writeProtected).toBe(false);
  });
});

describe("work on a cartridge", () => {
  // A block of two bytes, a tape mark, the end of the medium.
  const IMAGE = Buffer.from("0200000070710200000000000000ffffffff", "hex");

  test("an image becomes a tape, a tape an image, and is erased", async () => {
    const folder = await newLibrary("--barcodes A,B");
    const [image, copy] = [join(folder, "a.tap"), join(folder, "b.tap")];
    writeFileSync(image, IMAGE);
    const written = "1 blocks, 2 bytes, 1 filemarks";
    expect(await operate(folder, `restore A ${image}`)).toBe(`A ${written}`);
    expect(await operate(folder, "verify A")).toBe(`A ${written}: all of it can be read`);
    expect(await operate(folder, `dump A ${copy}`)).toBe(`A ${copy}: ${written}`);
    expect(readFileSync(copy).equals(IMAGE)).toBe(true);
    await expect(operate(folder, `dump A ${copy}`)).rejects.toThrow(/b\.tap: EEXIST/);
    await expect(operate(folder, `restore A ${image}`)).rejects.toThrow(/erase it/);
    expect(await operate(folder, "erase A")).toBe("A blank");
    expect(await operate(folder, "verify A")).toMatch(/^A 0 blocks, 0 bytes, 0 filemarks: all/);
  });

  test.each([
    ["erase W", /a worm cartridge can't be erased/],
    ["erase P", /it is write-protected/],
    ["restore P package.json", /the cartridge can't be written/],
    ["restore A no-such-file", /no-such-file: ENOENT/],
    ["restore A package.json", /record 0 of the image: its class is/],
    ["verify Z", /there is no cartridge Z/],
  ])("%s is refused", async (line, message) => {
    const folder = await newLibrary("--barcodes A,P");
    await operate(folder, "add-cartridge W --kind worm");
    await operate(folder, "protect P");
    await expect(operate(folder, line)).rejects.toThrow(message);
  });

  test("in a library that is served: of those on the shelf, one at a time", async () => {
    const folder = await newLibrary("--barcodes A");
    const operated = new OperatedLibrary(folder, { served: true });
    const nothing = () => Promise.resolve("done");
    await expect(operated.work("A", nothing)).rejects.toMatchObject({
      code: "CARTRIDGE_IN_LIBRARY",
    });
    await operated.move("A", "mail:1");
    await operated.export("mail:1");
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const working = operated.work("A", () => finished);
    await expect(operated.work("A", nothing)).rejects.toMatchObject({ code: "CARTRIDGE_BUSY" });
    await expect(operated.import("A", undefined)).rejects.toMatchObject({ code: "CARTRIDGE_BUSY" });
    finish();
    await working;
    expect(await operated.work("A", nothing)).toBe("done");
    expect(await operated.import("A", undefined)).toBe("mail:1");
  });
});

test("a bar on a terminal, and nothing elsewhere", () => {
  const written: string[] = [];
  const write = (text: string) => written.push(text);
  const progress = showProgress({ write, isTTY: true });
  for (let done = 1; done <= 200; done++) progress(done, 200);
  expect(written).toHaveLength(101);
  expect(written[50]).toBe(`\r[${"#".repeat(20)}${".".repeat(20)}] 50 %`);
  showProgress({ write })(1, 2);
  expect(written).toHaveLength(101);
});

test.each([
  ["no JSON", "{", /library\.json is no JSON/],
  ["another format", "{}", /it must be a "scst-user library" of version 1/],
  ["a wrong value", { slots: 0 }, /library\.json: slots 0: it must be a whole number/],
  ["a setting that is not there", { speed: 9 }, /library\.json: speed: there is no such/],
  ["a wrong drive", { drives: [{ personality: "x", serial: "1" }] }, /drives\[0\]: personality/],
])("library.json with %s is refused", async (_name, change, message) => {
  const folder = await newLibrary();
  const path = join(folder, "library.json");
  const good = JSON.parse(readFileSync(path, "utf8")) as object;
  const text = typeof change === "string" ? change : JSON.stringify({ ...good, ...change });
  writeFileSync(path, change === "{}" ? "{}" : text);
  expect(() => new OperatedLibrary(folder)).toThrow(message);
});

test("what is a library is not made again, and slots hold what they hold", async () => {
  const folder = await newLibrary();
  await expect(create(`create ${folder}`)).rejects.toThrow(/is a library already/);
  await expect(create(`create ${folder}2 --slots 1 --barcodes A,B`)).rejects.toThrow(
    "2 cartridges do not fit into 1 slots",
  );
});

test("one program at a time has a library", async () => {
  const folder = await newLibrary();
  const unlock = await lockLibrary(folder);
  await expect(lockLibrary(folder)).rejects.toMatchObject({ code: "LIBRARY_BUSY" });
  unlock();
  (await lockLibrary(folder))();
  await expect(lockLibrary(`${folder}-not`)).rejects.toMatchObject({ code: "LIBRARY" });
});

describe("the control channel", () => {
  test("takes lines of JSON, in order, and says what is wrong with one", async () => {
    const folder = await newLibrary("--barcodes A");
    const operated = new OperatedLibrary(folder);
    expect(await askServer(folder, { command: "export", place: "mail:1" })).toBeUndefined();
    ends.push(await listenForOperators(folder, (request) => administer(operated, request)));
    const path = join(folder, "control.sock");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const socket = createConnection(path);
    let text = "";
    const replies = new Promise<unknown[]>((resolve) => {
      socket.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        const lines = text.split("\n").slice(0, -1);
        if (lines.length === 4) resolve(lines.map((line) => JSON.parse(line) as unknown));
      });
    });
    socket.write('{"command":"move","from":"A","to":"slot:2"}\nno json\n{"comm');
    socket.write('and":"frob"}\n{"command":"export","place":"mail:1"}\n');
    expect(await replies).toEqual([
      { answer: "A slot:2" },
      { code: "FAILED", message: expect.stringContaining("JSON") as unknown },
      { code: "COMMAND", message: "frob: there is no such command" },
      { code: "ELEMENT_EMPTY", message: "element 16 is empty" },
    ]);
    socket.destroy();
    await expect(askServer(folder, { command: "export", place: "mail:1" })).rejects.toMatchObject({
      code: "ELEMENT_EMPTY",
    });
  });
});
