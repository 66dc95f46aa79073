#!/usr/bin/env node
import { readFileSync } from "node:fs";

import { createQcow2File, qcow2Store, UsageError } from "scst-user";

import { ask, serveControl } from "./control.ts";
import { createEncrypted } from "./encryption.ts";
import { lockFile } from "./lock.ts";
import { perform } from "./operations.ts";
import {
  type CreateOptions,
  type Operation,
  parseOptions,
  type Request,
  type ServeOptions,
} from "./options.ts";
import { SnapshotServer } from "./server.ts";
import { USAGE } from "./usage.ts";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  let request: Request;
  try {
    request = parseOptions(words);
  } catch (error) {
    tell(messageOf(error));
    tell("try snapshot-disk --help");
    return EXIT_USAGE;
  }
  try {
    await run(request);
    return 0;
  } catch (error) {
    tell(messageOf(error));
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
  }
}

async function run(request: Request): Promise<void> {
  switch (request.kind) {
    case "help":
      return print([USAGE.trimEnd()]);
    case "version":
      return print([`snapshot-disk ${version()}`]);
    case "create":
      return await create(request);
    case "serve":
      return await serve(request);
    case "operation":
      return print(await operate(request.file, request.operation));
  }
}

async function create({ file, sizeBytes, clusterBytes, keyFile }: CreateOptions): Promise<void> {
  const options = clusterBytes === undefined ? {} : { clusterBytes };
  if (keyFile === undefined) await createQcow2File(file, sizeBytes, options);
  else await createEncrypted(file, sizeBytes, keyFile, options);
}

/** By whoever serves the disk, or with the file itself. */
async function operate(file: string, operation: Operation): Promise<readonly string[]> {
  const answer = await ask(file, operation);
  if (answer !== undefined) {
    if ("lines" in answer) return answer.lines;
    throw new UsageError(answer.error.code, answer.error.message);
  }
  const unlock = await lockFile(file);
  try {
    const readOnly = operation.command === "list" || operation.command === "clone";
    const store = await qcow2Store(file, { readOnly });
    try {
      return await perform(store, operation);
    } finally {
      await store.close();
    }
  } finally {
    await unlock();
  }
}

async function serve(options: ServeOptions): Promise<void> {
  const ended = signalled();
  const unlock = await lockFile(options.file);
  try {
    const store = await qcow2Store(options.file);
    const server = new SnapshotServer(options, store, tell);
    let stopControl: (() => Promise<void>) | undefined;
    try {
      const ways = await server.start();
      stopControl = await serveControl(options.file, (operation) => server.perform(operation));
      print([...ways, "ready"]);
      await ended;
    } finally {
      await stopControl?.();
      await server.stop();
      await store.close();
    }
  } finally {
    await unlock();
  }
}

/** When it is time to end: the first SIGINT or SIGTERM. The second one ends at once. */
function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}

function print(lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

function tell(message: string): void {
  process.stderr.write(`snapshot-disk: ${message}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function version(): string {
  const path = new URL(import.meta.resolve("scst-user/package.json"));
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
