import { describe, expect, test, vi } from "vitest";

import { SystemError } from "../../../../src/protocol/errors.ts";
import { LogFile } from "../../../../src/sdk/storage/cartridge/log-file.ts";
import { lengthOf, removeScratchFolders, rig } from "./rig.ts";

removeScratchFolders();

const block = (length: number, byte: number) => Buffer.alloc(length, byte);

const FILEMARK = "10 00 000001 00";
const REWIND = "01 00 000000 00";
/** MODE SELECT(6) of a block length. */
const setBlockLength = (length: number) => ({
  cdb: "15 10 0000 0c 00",
  out: Buffer.from(`000010080000000000${lengthOf(length)}`, "hex"),
});

describe("variable blocks", () => {
  test("are read as they were written, up to filemark and end of data", async () => {
    const { write, read, do: run } = await rig();
    for (const [length, byte] of [
      [1, 1],
      [512, 2],
      [65_536, 3],
      [1_000_000, 4],
    ] as const) {
      expect(await write(block(length, byte))).toBe("GOOD");
    }
    expect(await run(FILEMARK)).toBe("GOOD");
    expect(await run(REWIND)).toBe("GOOD");
    expect((await read(1)).data).toEqual(block(1, 1));
    expect((await read(512)).data).toEqual(block(512, 2));
    expect((await read(65_536)).data).toEqual(block(65_536, 3));
    expect((await read(1_000_000)).data).toEqual(block(1_000_000, 4));
    expect(await read(100)).toMatchObject({ result: "0/00/01 FM 100" });
    expect(await read(100)).toMatchObject({ result: "8/00/05 100" });
  });

  test("of 8 MiB are the longest", async () => {
    const { write, read, do: run, send } = await rig();
    const longest = block(8 * 1024 * 1024, 7);
    longest.writeUInt32BE(0xdeadbeef, 5_000_000);
    expect(await write(longest)).toBe("GOOD");
    expect(await run(REWIND)).toBe("GOOD");
    const { data } = await read(longest.length);
    expect(data.equals(longest)).toBe(true);
    const out = block(longest.length + 1, 1);
    expect((await send("0a 00 800001 00", { out })).result).toBe("5/24/00");
  });

  /** Block of 1000 bytes; READ(6), result, bytes of data. */
  test.each([
    ["too long a request", "08 00 0007d0 00", 2000, "0/00/00 ILI 1000", 1000],
    ["too short a request", "08 00 000190 00", 400, "0/00/00 ILI -600", 400],
    ["too long, SILI", "08 02 0007d0 00", 2000, "GOOD", 1000],
    ["too short, SILI", "08 02 000190 00", 400, "GOOD", 400],
    ["nothing", "08 00 000000 00", 0, "GOOD", 0],
  ])("%s", async (_name, cdb, room, result, length) => {
    const { write, send, do: run, read } = await rig();
    await write(block(1000, 9));
    await write(block(10, 8));
    await run(REWIND);
    const seen = await send(cdb, { room });
    expect(seen.result).toBe(result);
    expect(seen.data).toEqual(block(length, 9));
    // A block is passed as a whole.
    const next = await read(room === 0 ? 1000 : 10);
    expect(next.data).toEqual(room === 0 ? block(1000, 9) : block(10, 8));
  });

  test("SILI does not cover too short a request where a block length is set", async () => {
    const { write, send, do: run } = await rig();
    await write(block(1000, 9));
    await run(REWIND);
    const { cdb, out } = setBlockLength(512);
    await send(cdb, { out });
    expect((await send("08 02 000190 00", { room: 400 })).result).toBe("0/00/00 ILI -600");
  });

  test("READ(16) and WRITE(16)", async () => {
    const { send, do: run } = await rig();
    const out = block(700, 5);
    expect((await send("8a 00 0000 0000000000000000 0002bc 00", { out })).result).toBe("GOOD");
    await run(REWIND);
    const seen = await send("88 00 0000 0000000000000000 0002bc 00", { room: 700 });
    expect(seen).toEqual({ result: "GOOD", data: out });
  });
});

describe("fixed blocks", () => {
  async function fixedRig() {
    const made = await rig();
    const { cdb, out } = setBlockLength(512);
    expect((await made.send(cdb, { out })).result).toBe("GOOD");
    return made;
  }

  test("several in a command", async () => {
    const { send, do: run } = await fixedRig();
    const out = Buffer.concat([block(512, 1), block(512, 2), block(512, 3)]);
    expect((await send("0a 01 000003 00", { out })).result).toBe("GOOD");
    await run(REWIND);
    expect(await send("08 01 000003 00", { room: 1536 })).toEqual({ result: "GOOD", data: out });
  });

  test("a filemark, another length and the end of data come with the residue", async () => {
    const { send, do: run, write } = await fixedRig();
    const out = Buffer.concat([block(512, 1), block(512, 2)]);
    await send("0a 01 000002 00", { out });
    await run(FILEMARK);
    await send("0a 01 000001 00", { out: block(512, 3) });
    await write(block(100, 4));
    await send("0a 01 000001 00", { out: block(512, 5) });
    await run(REWIND);
    const read = () => send("08 01 000005 00", { room: 2560 });
    expect(await read()).toEqual({ result: "0/00/01 FM 3", data: out });
    expect(await read()).toEqual({ result: "0/00/00 ILI 4", data: block(512, 3) });
    expect(await read()).toEqual({ result: "8/00/05 4", data: block(512, 5) });
  });

  test("without a block length, or with SILI, are refused", async () => {
    const { send } = await rig();
    expect((await send("08 01 000001 00", { room: 512 })).result).toBe("5/24/00");
    const fixed = await fixedRig();
    expect((await fixed.send("08 03 000001 00", { room: 512 })).result).toBe("5/24/00");
  });
});

describe("writing over", () => {
  test("what stands behind is gone", async () => {
    const { write, read, do: run } = await rig();
    for (let i = 0; i < 10; i++) await write(block(100, i));
    await run(FILEMARK);
    await run("2b 00 00 00000004 00 00 00");
    expect(await write("new")).toBe("GOOD");
    expect((await read()).result).toBe("8/00/05 65536");
    await run("2b 00 00 00000003 00 00 00");
    expect((await read(100)).data).toEqual(block(100, 3));
    expect((await read(3)).data.toString()).toBe("new");
  });

  test("is refused on a write-protected cartridge, and the data of a WORM one", async () => {
    const locked = await rig({}, { writeProtected: true });
    expect(await locked.write("x")).toBe("7/27/00");
    expect(await locked.do(FILEMARK)).toBe("7/27/00");
    expect(await locked.do("19 00 00 00 00 00")).toBe("7/27/00");
    const worm = await rig({}, { kind: "worm" });
    await worm.write("one");
    await worm.do("10 00 000002 00");
    await worm.do(REWIND);
    expect(await worm.write("two")).toBe("7/30/0C");
    // Filemarks before the end of data may go.
    await worm.do("2b 00 00 00000002 00 00 00");
    expect(await worm.write("two")).toBe("GOOD");
    expect(await worm.do("19 01 00 00 00 00")).toBe("GOOD");
    await worm.do(REWIND);
    expect(await worm.do("19 01 00 00 00 00")).toBe("7/30/0C");
    expect(await worm.do("04 00 00 0000 00")).toBe("7/30/06");
  });

  test("in append-only mode only where it was allowed", async () => {
    const { write, do: run, send } = await rig();
    await write("one");
    await write("two");
    const page = `5001001c0010${"00".repeat(26)}`;
    const out = Buffer.from(`00001000${page}`, "hex");
    // SHORT ERASE MODE stays as it is.
    out[9] = 0x12;
    expect((await send("15 10 0000 24 00", { out })).result).toBe("GOOD");
    await run(REWIND);
    expect(await write("new")).toBe("7/30/0C");
    expect(await run("82 00 01 00 0000000000000001 00000000 00")).toBe("3/3B/00");
    expect(await run("82 00 01 00 0000000000000000 00000000 00")).toBe("GOOD");
    expect(await write("new")).toBe("GOOD");
    await run(REWIND);
    expect(await write("new")).toBe("7/30/0C");
  });
});

describe("the end of the medium", () => {
  test("early warning with every write, then nothing more fits", async () => {
    const { write, do: run, read } = await rig({}, { capacityBytes: 1024 * 1024 });
    const results: string[] = [];
    for (let i = 0; i < 40; i++) results.push(await write(block(40_000, i)));
    const good = results.filter((result) => result === "GOOD").length;
    const warned = results.filter((result) => result === "0/00/02 EOM 0").length;
    expect(good).toBe(25);
    expect(warned).toBe(1);
    expect(new Set(results.slice(26))).toEqual(new Set(["D/00/02 EOM 40000"]));
    // Trailing filemarks and labels still fit.
    expect(await run(FILEMARK)).toBe("0/00/02 EOM 0");
    expect(await write(block(80, 1))).toBe("0/00/02 EOM 0");
    expect((await read(100)).result).toBe("8/00/05 EOM 100");
    await run("2b 00 00 00000019 00 00 00");
    expect((await read(40_000)).data).toEqual(block(40_000, 25));
  });

  test("programmable early warning once", async () => {
    const { write, send } = await rig({}, { capacityBytes: 4_000_000 });
    const page = `5001001c00020002${"00".repeat(24)}`;
    const out = Buffer.from(`00001000${page}`, "hex");
    expect((await send("15 10 0000 24 00", { out })).result).toBe("GOOD");
    const results: string[] = [];
    for (let i = 0; i < 22; i++) results.push(await write(block(100_000, i)));
    expect(results.filter((result) => result !== "GOOD")).toEqual(["0/00/07 EOM 0"]);
    expect(results.indexOf("0/00/07 EOM 0")).toBe(19);
  });
});

describe("a write that fails in the background", () => {
  test("is a deferred error of the next command, and the tape ends behind what is there", async () => {
    const { drive, write, do: run, read } = await rig();
    for (let i = 0; i < 10; i++) await write(block(100_000, i));
    await run(FILEMARK);
    const handle = await LogFile.open("/dev/null");
    const prototype = Object.getPrototypeOf(handle) as LogFile;
    const real = prototype.write;
    const failing = vi.spyOn(prototype, "write").mockImplementation(function (
      this: LogFile,
      buffer,
      offset,
    ) {
      if (!this.path.endsWith(".log") || offset < 2_500_000) return real.call(this, buffer, offset);
      return Promise.reject(new SystemError("EIO", 5, "the disk is gone"));
    });
    const results: string[] = [];
    for (let i = 10; i < 60; i++) results.push(await write(block(100_000, i)));
    failing.mockRestore();
    await handle.close();
    const bad = results.filter((result) => result !== "GOOD");
    expect(new Set(bad)).toEqual(new Set(["3/0C/00 DEFERRED"]));
    const { count } = drive.cartridge!.partitions[0]!;
    await run(REWIND);
    const bytes: number[] = [];
    for (;;) {
      const { result, data } = await read(100_000);
      if (result.startsWith("8/00/05")) break;
      if (result === "GOOD") bytes.push(data[0] as number);
    }
    expect(bytes.slice(0, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // What is there are whole blocks in the order of writing, none twice.
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
    expect(new Set(bytes).size).toBe(bytes.length);
    expect(count).toBe(bytes.length + 1);
  });
});
