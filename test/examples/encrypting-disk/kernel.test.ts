/** An encrypted disk as a device of the kernel's SCST. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

import { type Options, parseOptions } from "../../../examples/encrypting-disk/options.ts";
import { serve } from "../../../examples/encrypting-disk/serve.ts";
import { ERRNO } from "../../../src/protocol/errno.ts";
import { SCST_USER_REGISTER_DEVICE } from "../../../src/protocol/scst/index.ts";
import { scratchFiles } from "../../sdk/storage/scratch-file.ts";
import { FakeScst } from "../support/fake-scst.ts";
import { Program } from "../support/program.ts";

const newFile = scratchFiles();

/** A disk without a header, so that nothing but the kernel is between the test and the bytes. */
function plainDisk() {
  const [image, key] = [newFile(2 ** 20), newFile(0)];
  writeFileSync(
    key,
    Uint8Array.from({ length: 64 }, (_, i) => i),
  );
  const optionsFor = (...words: string[]) =>
    parseOptions(["serve", image, "--plain", `--key-file=${key}`, ...words]) as Options;
  return { image, optionsFor };
}

describe("encrypting-disk serve --kernel", () => {
  test("the kernel has the plain bytes, the file the encrypted ones", async () => {
    const { image, optionsFor } = plainDisk();
    const kernel = new FakeScst();
    const options = optionsFor("--export=scst_local", "--name=disk1");
    const { lines, stop } = await serve(options, () => undefined, kernel.scst);
    expect(lines).toEqual([expect.stringMatching(/^disk1 {2}LUN 0 of .*\/scst_local_tgt$/)]);
    expect(kernel.command).toBe("add disk1 0");
    const [device] = kernel.devices;
    await device?.attach();
    const data = new Uint8Array(1024).fill(7);
    expect(await device?.write(3, data)).toBe(0);
    expect(await device?.read(3, 2)).toEqual(data);
    await stop();
    expect(kernel.command).toBe("del 0");
    expect(device?.user.closes).toBe(1);
    const written = readFileSync(image).subarray(3 * 512, 5 * 512);
    expect(written.every((byte) => byte === 0)).toBe(false);
    expect(written.includes(Buffer.alloc(16, 7))).toBe(false);
  });

  test("without a place it says how an administrator makes it a LUN", async () => {
    const kernel = new FakeScst();
    const options = plainDisk().optionsFor("--kernel", "--name=disk1");
    const { lines, stop } = await serve(options, () => undefined, kernel.scst);
    expect(lines.join("\n")).toMatch(/registered.*\n {2}echo "add disk1 0" > .*\n {2}echo "del 0"/);
    await stop();
  });

  test("what the kernel refuses is told, and nothing stays open", async () => {
    const kernel = new FakeScst();
    const open = () => {
      const channel = kernel.scst.open?.();
      const { user } = kernel.devices[0]!;
      user.answer = (request) =>
        request === SCST_USER_REGISTER_DEVICE ? -ERRNO.EEXIST : undefined;
      return channel!;
    };
    const options = plainDisk().optionsFor("--kernel");
    const serving = serve(options, () => undefined, { ...kernel.scst, open });
    await expect(serving).rejects.toThrow("there is a device of that name already");
    expect(kernel.devices[0]?.user.closes).toBe(1);
    const none = plainDisk().optionsFor("--export=iscsi");
    const other = new FakeScst();
    await expect(serve(none, () => undefined, other.scst)).rejects.toThrow(
      "target driver iscsi has no target",
    );
    expect(other.devices[0]?.user.closes).toBe(1);
  });

  // Where there is one, the program would serve it.
  test.skipIf(existsSync("/dev/scst_user"))("no SCST in the kernel", async () => {
    const { optionsFor } = plainDisk();
    const { file, key } = optionsFor("--kernel");
    const words = ["serve", file, "--plain", `--key-file=${key.file}`, "--kernel"];
    const program = new Program("encrypting-disk", words);
    expect(await program.ended).toBe(1);
    expect(program.stderr).toMatch(/scst_user: ENOENT, .*modprobe scst_user/);
  });
});
