/** The library as devices of a kernel's scst_user, which here does what the test tells it to. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";

import { createLibrary } from "../../../examples/vtl/create.ts";
import { KernelFront } from "../../../examples/vtl/kernel-front.ts";
import { parseOptions } from "../../../examples/vtl/options.ts";
import { ServedLibrary } from "../../../examples/vtl/served-library.ts";
import { STATUS } from "../../../src/protocol/scsi/index.ts";
import {
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_WRITE,
  SCST_USER_ATTACH_SESS,
  SCST_USER_EXEC,
  SCST_USER_PARSE,
  SCST_USER_REGISTER_DEVICE,
  ScstUserDevDesc,
  ScstUserGetCmd,
} from "../../../src/protocol/scst/index.ts";
import { type ExportPlace, kernelChannel } from "../../../src/sdk/index.ts";
import { senseText } from "../../support/bench.ts";
import { FakeScstUser, type GetCmdView } from "../../support/fake-scst-user.ts";

const SESSION = 7n;
const ends: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A unit of the library as the kernel has it. */
class KernelDevice extends FakeScstUser {
  name = "";
  #cmdH = 1;

  constructor() {
    super();
    this.answer = (request, argument) => {
      if (request !== SCST_USER_REGISTER_DEVICE) return undefined;
      this.name = ScstUserDevDesc.view(this.bytesAt(argument, ScstUserDevDesc.size)).name;
      return 0;
    };
  }

  /** Hands a subcommand out; the reply to it. */
  async ask(subcode: number, fill: (view: GetCmdView) => void) {
    const view = ScstUserGetCmd.view();
    view.cmdH = this.#cmdH++;
    view.subcode = subcode;
    fill(view);
    this.post(view.bytes);
    for (;;) {
      const found = this.taken.find(({ reply }) => reply.cmdH === view.cmdH);
      if (found !== undefined) return found;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async attach(): Promise<void> {
    await this.ask(SCST_USER_ATTACH_SESS, ({ sess }) => {
      sess.sessH = SESSION;
      sess.initiatorName = "initiator";
    });
  }

  /** A PARSE: the length of the data, or how it was refused. */
  async parse(cdb: string): Promise<string> {
    const bytes = Buffer.from(cdb.replaceAll(" ", ""), "hex");
    const { reply } = await this.ask(SCST_USER_PARSE, ({ parseCmd }) => {
      parseCmd.sessH = SESSION;
      parseCmd.cdb.set(bytes);
      parseCmd.cdbLen = bytes.length;
    });
    const { status, bufflen } = reply.parseReply;
    return status === STATUS.GOOD ? String(bufflen) : `status ${status}`;
  }

  /** An EXEC: `"GOOD"` or the sense, and data-in. */
  async exec(cdb: string, data: { readonly out?: Uint8Array; readonly room?: number } = {}) {
    const bytes = Buffer.from(cdb.replaceAll(" ", ""), "hex");
    const { out, room = 0 } = data;
    const length = out?.length ?? room;
    const block = this.arena.allocate(Math.max(4096, length));
    if (block === undefined) throw new Error("no memory");
    if (out !== undefined) block.bytes.set(out);
    const { reply, sense } = await this.ask(SCST_USER_EXEC, ({ execCmd }) => {
      execCmd.sessH = SESSION;
      execCmd.cdb.set(bytes);
      execCmd.cdbLen = bytes.length;
      execCmd.dataLen = length;
      execCmd.bufflen = length;
      execCmd.allocLen = length === 0 ? 0 : Math.max(4096, length);
      execCmd.pbuf = length === 0 ? 0 : block.address;
      execCmd.dataDirection =
        length === 0 ? SCST_DATA_NONE : out === undefined ? SCST_DATA_READ : SCST_DATA_WRITE;
    });
    const { respDataLen } = reply.execReply;
    const result = sense.length === 0 ? "GOOD" : senseText(sense);
    return { result, data: Buffer.from(block.bytes.subarray(0, respDataLen)) };
  }
}

/** A library of one drive, served to a kernel. */
async function served(words: readonly string[]) {
  const folder = join(mkdtempSync(join(tmpdir(), "vtl-")), "lib");
  ends.push(() => rmSync(join(folder, ".."), { recursive: true, force: true }));
  const create = "--library autoloader --barcodes A,B --capacity 1M --serial AB12".split(" ");
  const request = parseOptions(["create", folder, ...create]);
  if (request.kind !== "create") expect.fail();
  await createLibrary(request.folder, request.library, () => undefined);
  const serve = parseOptions(["serve", folder, ...words]);
  if (serve.kind !== "serve" || serve.options.iscsi !== undefined) expect.fail();
  const { kernel } = serve.options;
  const devices: KernelDevice[] = [];
  const luns: string[] = [];
  const front = new KernelFront(kernel, "lib", {
    openChannel: () => {
      const device = new KernelDevice();
      devices.push(device);
      return device.channel();
    },
    exportDevice: (device, { driver, target, lun }: ExportPlace) => {
      const text = `${device} ${driver}/${target ?? ""}:${lun ?? ""}`;
      luns.push(text);
      const remove = () => Promise.resolve(void luns.splice(luns.indexOf(text), 1));
      return Promise.resolve({ target: "a_target", lun: lun ?? luns.length - 1, remove });
    },
  });
  const said: string[] = [];
  const library = await ServedLibrary.open(
    serve.options,
    (text) => said.push(text),
    () => front,
  );
  const lines = await library.start();
  const [changer, drive] = devices as [KernelDevice, KernelDevice];
  await changer.attach();
  await drive.attach();
  return { library, lines, changer, drive, luns, said };
}

describe("vtl serve --kernel", () => {
  test("each unit is a device, and a LUN with --export", async () => {
    const { library, lines, changer, drive, luns } = await served(["--export", "scst_local/t:4"]);
    expect([changer.name, drive.name]).toEqual(["lib-changer", "lib-drive1"]);
    expect(luns).toEqual(["lib-changer scst_local/t:4", "lib-drive1 scst_local/t:5"]);
    expect(lines).toEqual([
      "changer  SCST_TS AUTOLOADER AB12  device lib-changer, LUN 4 of a_target",
      "drive1  IBM ULT3580-TD8 AB1201  device lib-drive1, LUN 5 of a_target",
    ]);
    await library.stop();
    expect([luns, changer.closes, drive.closes]).toEqual([[], 1, 1]);
  });

  test("without --export it tells what makes them LUNs", async () => {
    const { library, lines, luns } = await served(["--kernel"]);
    expect(luns).toEqual([]);
    expect(lines[1]).toMatch(
      /device lib-drive1, as a LUN of scst_local:\n {2}echo "add lib-drive1 1" >/,
    );
    await library.stop();
  });

  test("the robot loads, and the drive takes variable and fixed blocks", async () => {
    const { library, changer, drive, said } = await served(["--kernel"]);
    expect((await drive.exec("00 00 00 00 00 00")).result).toBe("2/3A/00");
    expect((await changer.exec("a5 00 0000 1000 0100 0000 00 00")).result).toBe("GOOD");
    expect((await drive.exec("00 00 00 00 00 00")).result).toBe("6/28/00");
    expect(await drive.parse("0a 00 000400 00")).toBe("1024");
    const block = Buffer.alloc(1024, 5);
    expect((await drive.exec("0a 00 000400 00", { out: block })).result).toBe("GOOD");
    const fixed = Buffer.from("000010080000000000000200", "hex");
    expect((await drive.exec("15 10 0000 0c 00", { out: fixed })).result).toBe("GOOD");
    // SCST itself can't know that this is three blocks of 512 bytes.
    expect(await drive.parse("0a 01 000003 00")).toBe("1536");
    const blocks = Buffer.alloc(1536, 6);
    expect((await drive.exec("0a 01 000003 00", { out: blocks })).result).toBe("GOOD");
    expect((await drive.exec("10 00 000001 00")).result).toBe("GOOD");
    expect((await drive.exec("01 00 000000 00")).result).toBe("GOOD");
    expect(await drive.parse("08 00 000400 00")).toBe("1024");
    expect(await drive.exec("08 00 000400 00", { room: 1024 })).toEqual({
      result: "GOOD",
      data: block,
    });
    const read = await drive.exec("08 01 000005 00", { room: 2560 });
    expect(read).toEqual({ result: "0/00/01", data: blocks });
    expect(await drive.parse("ff 00 00 00 00 00")).toBe(`status ${STATUS.CHECK_CONDITION}`);
    await library.stop();
    expect(said).toEqual([]);
  });

  test("what the kernel refuses leaves nothing behind", async () => {
    const folder = join(mkdtempSync(join(tmpdir(), "vtl-")), "lib");
    ends.push(() => rmSync(join(folder, ".."), { recursive: true, force: true }));
    const request = parseOptions(["create", folder]);
    if (request.kind !== "create") expect.fail();
    await createLibrary(folder, request.library, () => undefined);
    const front = new KernelFront({ place: undefined }, "lib", {
      openChannel: () => kernelChannel({ path: join(folder, "scst_user"), version: "3.8.0" }),
      exportDevice: () => expect.fail(),
    });
    const options = { folder, iscsi: undefined, kernel: { place: undefined } };
    const tell = () => undefined;
    const library = await ServedLibrary.open(options, tell, () => front);
    await expect(library.start()).rejects.toMatchObject({ code: "ENOENT" });
    await library.stop();
    // Its lock is free again.
    await (await ServedLibrary.open(options, tell, () => front)).stop();
  });
});
