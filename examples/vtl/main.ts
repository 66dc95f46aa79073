#!/usr/bin/env node
import { readFileSync } from "node:fs";

import { UsageError } from "scst-user";

import { administer, type AdminAnswer } from "./admin.ts";
import type { AdminRequest } from "./admin-options.ts";
import { askServer } from "./control.ts";
import { createLibrary } from "./create.ts";
import { OperatedLibrary } from "./library.ts";
import { showProgress } from "./progress.ts";
import { lockLibrary } from "./lock.ts";
import { parseOptions, type Request, type ServeOptions } from "./options.ts";
import { ServedLibrary } from "./served-library.ts";
import { tableOf } from "./table.ts";
import { USAGE } from "./usage.ts";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const KERNEL_ADVICE =
  "this was for the kernel's SCST; --iscsi serves by iSCSI, without a kernel module";

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  let request: Request;
  try {
    request = parseOptions(words);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    tell(error.message);
    tell("try vtl --help");
    return EXIT_USAGE;
  }
  try {
    return await run(request);
  } catch (error) {
    tell(messageOf(error));
    return EXIT_FAILED;
  }
}

async function run(request: Request): Promise<number> {
  switch (request.kind) {
    case "help":
      say(USAGE.trimEnd());
      return 0;
    case "version":
      say(`vtl ${version()}`);
      return 0;
    case "create":
      await createLibrary(request.folder, request.library, tell);
      return 0;
    case "serve":
      return await serve(request.options);
    case "admin":
      show(await operate(request.folder, request.request), request.request);
      return 0;
  }
}

/** By the program that serves the library; if it rests, here. */
async function operate(folder: string, request: AdminRequest): Promise<AdminAnswer> {
  const answer = await askServer(folder, request);
  if (answer !== undefined) return answer;
  const unlock = await lockLibrary(folder);
  try {
    return await administer(new OperatedLibrary(folder), request, showProgress(process.stderr));
  } finally {
    unlock();
  }
}

function show(answer: AdminAnswer, request: AdminRequest): void {
  if (typeof answer === "string") say(answer);
  else if (request.command === "list" && request.json) say(JSON.stringify(answer, null, 2));
  else say(tableOf(answer));
}

async function serve(options: ServeOptions): Promise<number> {
  const served = await ServedLibrary.open(options, tell);
  const ended = signalled();
  try {
    say(`${(await served.start()).join("\n")}\nready`);
    await ended;
  } catch (error) {
    await served.stop().catch(() => undefined);
    if (options.iscsi === undefined) tell(KERNEL_ADVICE);
    throw error;
  }
  await served.stop();
  return 0;
}

/** When it is time to end: the first SIGINT or SIGTERM. The second one ends at once. */
function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function tell(message: string): void {
  process.stderr.write(`vtl: ${message}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function version(): string {
  const path = new URL(import.meta.resolve("scst-user/package.json"));
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
