import { type BufferPoolOptions, exportPlace } from "scst-user";

import { wholeNumber, wrong } from "../support/rules.ts";

/** How the devices are served to the kernel's SCST. */
export interface KernelOptions {
  /** Where each device becomes a LUN: `DRIVER[/TARGET[:LUN]]`; undefined for nowhere. */
  readonly place: string | undefined;
  readonly threads: number;
  /** Whether threads of their own wait for commands in the kernel. */
  readonly blocking: boolean;
  /** Microseconds; undefined for what the channel has otherwise. */
  readonly awakeTimeUsMax: number | undefined;
  /** UNREGISTER_DEVICE before the device is closed, as old programs do. */
  readonly unregister: boolean;
  readonly preallocateCount: number;
  readonly preallocateBytes: number;
  readonly bufferPool: BufferPoolOptions;
}

/** The words of the command line that are about it. */
export interface KernelValues {
  readonly kernel?: boolean | undefined;
  readonly export?: string | undefined;
  readonly threads?: string | undefined;
  readonly blocking?: boolean | undefined;
  readonly awake?: string | undefined;
  readonly unreg_before_close?: boolean | undefined;
  readonly sgv_single_cache?: string | undefined;
  readonly sgv_purge_interval?: string | undefined;
  readonly sgv_disable_clustered_pool?: boolean | undefined;
  readonly prealloc_buffers?: string | undefined;
  readonly prealloc_buffer_size?: string | undefined;
  readonly direct?: boolean | undefined;
  readonly removable?: boolean | undefined;
}

/** SCST's own program has 7; here one does not wait for the disk, so that one is mostly enough. */
const THREADS_DEFAULT = 1;
const THREADS_MAX = 64;
const AWAKE_TIME_US_MAX = 10_000;

/** @throws UsageError what can't be together */
export function kernelOptionsOf(values: KernelValues): KernelOptions {
  const threads = number("-e, --threads", values.threads, 1, THREADS_MAX, THREADS_DEFAULT);
  const alone = (["direct", "removable"] as const).find((name) => values[name] === true);
  if (threads > 1 && alone !== undefined) {
    throw wrong(`--${alone} with -e, --threads ${threads}: it must be served by one thread`);
  }
  if (values.export !== undefined) exportPlace(values.export);
  const sizeKb = number("-Z, --prealloc_buffer_size", values.prealloc_buffer_size, 0, 4096, 0);
  const count = number("-R, --prealloc_buffers", values.prealloc_buffers, 0, 65_536, 0);
  const singlePages = number("-S, --sgv_single_cache", values.sgv_single_cache, 0, 1024, 0);
  const purge = number("-P, --sgv_purge_interval", values.sgv_purge_interval, 0, 86_400, 0);
  return {
    place: values.export,
    threads,
    blocking: values.blocking ?? false,
    awakeTimeUsMax: awakeTimeOf(values),
    unregister: values.unreg_before_close ?? false,
    preallocateCount: sizeKb === 0 ? 0 : count,
    preallocateBytes: sizeKb * 1024,
    bufferPool: {
      singlePages,
      purgeIntervalSeconds: purge,
      clustered: values.sgv_disable_clustered_pool !== true,
    },
  };
}

function awakeTimeOf({ awake, blocking }: KernelValues): number | undefined {
  if (awake === undefined) return undefined;
  if (blocking === true) throw wrong("--awake with --blocking: its threads wait in the kernel");
  return number("--awake", awake, 0, AWAKE_TIME_US_MAX, 0);
}

function number(
  where: string,
  text: string | undefined,
  min: number,
  max: number,
  otherwise: number,
): number {
  if (text === undefined) return otherwise;
  return wholeNumber(min, max)(where, /^(\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : text);
}
