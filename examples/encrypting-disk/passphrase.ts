import { spawnSync } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";

import { UsageError } from "scst-user";

import type { KeySource } from "./options.ts";

/** As cryptsetup has it: bytes of a key file, and of what is typed. */
const FILE_BYTES_MAX = 8 * 1024 * 1024;
const TYPED_BYTES_MAX = 512;

/** A terminal, or what stands for one. */
export interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WritableStream;
}

const TERMINAL: Terminal = { input: process.stdin, output: process.stderr };

/**
 * The passphrase, as bytes in memory of their own, which the caller wipes. What is asked for and
 * `isNew` is asked for twice.
 */
export async function readPassphrase(
  source: KeySource,
  question: string,
  isNew: boolean,
  terminal = TERMINAL,
): Promise<Uint8Array> {
  const passphrase = await read(source, question, terminal);
  if (passphrase.length === 0) throw wrong(`${question}: it must not be empty`);
  const isTyped = Object.keys(source).length === 0;
  if (!isNew || !isTyped) return passphrase;
  const again = await typed(`${question}, again`, terminal);
  const isSame = Buffer.compare(passphrase, again) === 0;
  again.fill(0);
  if (isSame) return passphrase;
  passphrase.fill(0);
  throw wrong("the passphrases are not the same");
}

async function read(source: KeySource, question: string, terminal: Terminal): Promise<Uint8Array> {
  if (source.file !== undefined) return keyFile(source.file);
  if (source.env !== undefined) return environment(source.env);
  if (source.command !== undefined) return commandOutput(source.command);
  return await typed(question, terminal);
}

/** All of it, with whatever ends it. */
export function keyFile(path: string): Uint8Array {
  const fd = path === "-" ? 0 : openSync(path, "r");
  const bytes = new Uint8Array(FILE_BYTES_MAX + 1);
  let length = 0;
  try {
    for (let count = -1; count !== 0 && length < bytes.length; length += count) {
      count = readSync(fd, bytes, length, bytes.length - length, null);
    }
    if (length > FILE_BYTES_MAX)
      throw wrong(`${path}: a key file has ${FILE_BYTES_MAX} bytes at most`);
    return bytes.slice(0, length);
  } finally {
    bytes.fill(0, 0, length);
    if (fd !== 0) closeSync(fd);
  }
}

function environment(name: string): Uint8Array {
  const value = process.env[name];
  if (value === undefined) throw wrong(`the environment has no ${name}`);
  // So that what this program starts does not get it. The value itself is a string, and stays.
  delete process.env[name];
  return Uint8Array.from(Buffer.from(value));
}

function commandOutput(line: string): Uint8Array {
  const { status, signal, stdout } = spawnSync("sh", ["-c", line], {
    stdio: ["inherit", "pipe", "inherit"],
    maxBuffer: FILE_BYTES_MAX,
  });
  if (status !== 0) throw wrong(`--key-command ended with ${signal ?? status}`);
  const end = stdout.at(-1) === NEWLINE ? stdout.length - 1 : stdout.length;
  const bytes = Uint8Array.from(stdout.subarray(0, end));
  stdout.fill(0);
  return bytes;
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const CTRL_C = 0x03;
const CTRL_D = 0x04;
const CTRL_U = 0x15;
const BACKSPACES: readonly number[] = [0x08, 0x7f];

/** Asks for it, without showing what is typed. Never a string: those can't be wiped. */
function typed(question: string, { input, output }: Terminal): Promise<Uint8Array> {
  if (!input.isTTY) {
    throw wrong(`${question}: there is no terminal to ask on; use --key-file, --key-env or …`);
  }
  const bytes = new Uint8Array(TYPED_BYTES_MAX);
  let length = 0;
  output.write(`${question}: `);
  input.setRawMode(true);
  return new Promise((resolve, reject) => {
    const end = (error?: UsageError) => {
      input.off("data", take);
      input.setRawMode(false);
      input.pause();
      output.write("\n");
      if (error === undefined) resolve(bytes.slice(0, length));
      else reject(error);
      bytes.fill(0);
    };
    const take = (data: Buffer) => {
      const chunk = Uint8Array.from(data);
      data.fill(0);
      for (const byte of chunk) {
        if (byte === NEWLINE || byte === RETURN || byte === CTRL_D) return end();
        if (byte === CTRL_C) return end(wrong("interrupted"));
        if (byte === CTRL_U) length = 0;
        else if (BACKSPACES.includes(byte)) length = lengthWithoutLast(bytes, length);
        else if (length === TYPED_BYTES_MAX) return end(wrong(`${TYPED_BYTES_MAX} bytes at most`));
        else bytes[length++] = byte;
      }
    };
    input.on("data", take);
    input.resume();
  });
}

/** The last character may have several bytes, of which all but the first are 10xxxxxx (UTF-8). */
function lengthWithoutLast(bytes: Uint8Array, length: number): number {
  let end = Math.max(0, length - 1);
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--;
  return end;
}

function wrong(message: string): UsageError {
  return new UsageError("PASSPHRASE", message);
}
