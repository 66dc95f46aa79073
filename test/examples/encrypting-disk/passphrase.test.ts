import { writeFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import { afterEach, describe, expect, test } from "vitest";

import { readPassphrase } from "../../../examples/encrypting-disk/passphrase.ts";
import { scratchFiles } from "../../sdk/storage/scratch-file.ts";

const newFile = scratchFiles();
const VARIABLE = "ENCRYPTING_DISK_TEST";

afterEach(() => delete process.env[VARIABLE]);

/** A terminal at which `keys` are typed, a line at a time. */
function terminal(keys: readonly string[], isTTY = true) {
  const raw: boolean[] = [];
  const shown: string[] = [];
  const output = new PassThrough();
  output.on("data", (data: Buffer) => shown.push(data.toString()));
  const input = Object.assign(new PassThrough(), {
    isTTY,
    setRawMode(on: boolean) {
      raw.push(on);
      const next = on ? keys[raw.filter(Boolean).length - 1] : undefined;
      if (next !== undefined) setImmediate(() => input.write(next));
      return input;
    },
  });
  return { raw, shown, device: { input: input as unknown as NodeJS.ReadStream, output } };
}

const asked = async (keys: readonly string[], isNew = false) => {
  const { device } = terminal(keys);
  return Buffer.from(await readPassphrase({}, "Passphrase", isNew, device)).toString();
};

describe("typed", () => {
  test.each([
    ["plainly", ["secret\r"], "secret"],
    ["with a newline", ["secret\n"], "secret"],
    ["with a character taken back", ["secreß\x7ft\r"], "secret"],
    ["with all taken back", ["wrong\x15secret\r"], "secret"],
    ["with more taken back than there is", ["a\b\b\bsecret\r"], "secret"],
  ])("%s", async (_name, keys, expected) => {
    expect(await asked(keys)).toBe(expected);
  });

  test("a new one twice", async () => {
    expect(await asked(["secret\r", "secret\r"], true)).toBe("secret");
    await expect(asked(["secret\r", "secrey\r"], true)).rejects.toThrow("not the same");
  });

  test.each([
    ["nothing", "\r", "must not be empty"],
    ["Ctrl-C", "sec\x03", "interrupted"],
    ["too much", "x".repeat(513), "512 bytes at most"],
  ])("%s", async (_name, keys, message) => {
    await expect(asked([keys])).rejects.toThrow(message);
  });

  test("is not shown, and the terminal is as before", async () => {
    const { device, raw, shown } = terminal(["secret\r"]);
    await readPassphrase({}, "Passphrase", false, device);
    expect([shown.join(""), raw]).toEqual(["Passphrase: \n", [true, false]]);
  });

  test("not without a terminal", async () => {
    const { device } = terminal([], false);
    await expect(readPassphrase({}, "Passphrase", false, device)).rejects.toThrow("--key-file");
  });
});

describe("from elsewhere", () => {
  const read = async (source: Parameters<typeof readPassphrase>[0]) =>
    Buffer.from(await readPassphrase(source, "Passphrase", true)).toString("latin1");

  test("a file, to its last byte", async () => {
    const file = newFile(0);
    writeFileSync(file, "sec\0ret\n");
    expect(await read({ file })).toBe("sec\0ret\n");
  });

  test("the environment, which has it no longer", async () => {
    process.env[VARIABLE] = "secret";
    expect(await read({ env: VARIABLE })).toBe("secret");
    await expect(read({ env: VARIABLE })).rejects.toThrow(`the environment has no ${VARIABLE}`);
  });

  test("a command, without its newline", async () => {
    expect(await read({ command: "printf 'secret\\n\\n'" })).toBe("secret\n");
    await expect(read({ command: "exit 3" })).rejects.toThrow("ended with 3");
  });

  test("not too long", async () => {
    await expect(read({ file: newFile(8 * 1024 * 1024 + 1) })).rejects.toThrow("at most");
  });
});
