#!/usr/bin/env node
import { UsageError } from "scst-user";

import { type Options, parseOptions } from "./options.ts";
import { serve } from "./serve.ts";
import { USAGE } from "./usage.ts";
import { addKey, changeKey, dump, format, removeKey, repair } from "./volume.ts";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(words);
    if (options === undefined) process.stdout.write(USAGE);
    else await run(options);
    return 0;
  } catch (error) {
    tell(error instanceof Error ? error.message : String(error));
    if (!(error instanceof UsageError) || error.code !== "OPTION") return EXIT_FAILED;
    tell("try encrypting-disk --help");
    return EXIT_USAGE;
  }
}

async function run(options: Options): Promise<void> {
  switch (options.command) {
    case "format":
      return await format(options);
    case "serve":
      return await serveUntilSignal(options);
    case "add-key":
      return print(await addKey(options));
    case "change-key":
      return print(await changeKey(options));
    case "remove-key":
      return print(await removeKey(options));
    case "dump":
      return print(await dump(options));
    case "repair":
      return print(await repair(options));
  }
}

async function serveUntilSignal(options: Options): Promise<void> {
  const signalled = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  const serving = await serve(options, tell);
  print([...serving.lines, "ready"].join("\n"));
  await signalled;
  await serving.stop();
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function tell(message: string): void {
  process.stderr.write(`encrypting-disk: ${message}\n`);
}
