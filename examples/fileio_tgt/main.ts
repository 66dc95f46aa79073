#!/usr/bin/env node
import { readFileSync } from "node:fs";

import { UsageError } from "scst-user";

import { serveMetrics } from "./metrics.ts";
import { KernelTarget } from "./kernel.ts";
import { type Options, parseOptions, type Request } from "./options.ts";
import { showRates } from "./rates.ts";
import { FileioTarget } from "./target.ts";
import { USAGE } from "./usage.ts";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const NO_METRICS = "--metrics: they are those of --iscsi and --nbd";

const KERNEL_ADVICE =
  "this was for the kernel's SCST; --iscsi serves by iSCSI, --nbd by NBD, without a kernel module";

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  let request: Request;
  try {
    request = parseOptions(words);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    tell(error.message);
    tell("try fileio_tgt --help");
    return EXIT_USAGE;
  }
  switch (request.kind) {
    case "help":
      process.stdout.write(USAGE);
      return 0;
    case "version":
      process.stdout.write(`fileio_tgt ${version()}\n`);
      return 0;
    case "run":
      return await run(request.options);
  }
}

async function run(options: Options): Promise<number> {
  for (const note of options.notes) tell(note);
  const { kernel } = options;
  let target: FileioTarget | KernelTarget;
  try {
    target =
      kernel === undefined
        ? new FileioTarget(options, tell)
        : new KernelTarget(options, kernel, tell);
  } catch (error) {
    tell(messageOf(error));
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
  }
  // Before anybody can know of us: by default Node opens its debugger on SIGUSR1.
  process.on("SIGUSR1", () => void refresh(target));
  process.on("SIGUSR2", () => show(target));
  const ended = signalled();
  try {
    const lines = await target.start();
    if (options.metrics !== undefined) {
      if (target instanceof KernelTarget) throw new UsageError("OPTION", NO_METRICS);
      lines.push(`metrics  ${await serveMetrics(target.core, options.metrics)}`);
    }
    process.stdout.write(`${lines.join("\n")}\nready\n`);
    const stopRates = showRates(target.devices, process.stderr);
    await ended;
    stopRates();
  } catch (error) {
    tell(messageOf(error));
    if (kernel !== undefined) tell(KERNEL_ADVICE);
    await target.stop().catch(() => undefined);
    return EXIT_FAILED;
  }
  return await stop(target);
}

async function stop(target: FileioTarget | KernelTarget): Promise<number> {
  try {
    await target.stop();
    return 0;
  } catch (error) {
    tell(messageOf(error));
    return EXIT_FAILED;
  }
}

async function refresh(target: FileioTarget | KernelTarget): Promise<void> {
  try {
    await target.refreshCapacity();
  } catch (error) {
    tell(messageOf(error));
  }
}

/** Everything there is to know, for people and for jq. */
function show(target: FileioTarget | KernelTarget): void {
  const known =
    target instanceof FileioTarget
      ? target.core.snapshot()
      : target.devices.map(({ name, statistics }) => ({ name, ...statistics }));
  process.stderr.write(`${JSON.stringify(known, null, 2)}\n`);
}

/** When it is time to end: the first SIGINT or SIGTERM. The second one ends at once. */
function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}

function tell(message: string): void {
  process.stderr.write(`fileio_tgt: ${message}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function version(): string {
  const path = new URL(import.meta.resolve("scst-user/package.json"));
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
