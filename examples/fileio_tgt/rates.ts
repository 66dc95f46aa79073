import type { DeviceStatistics } from "scst-user";

const INTERVAL_MS = 1000;
/** Goes back to the line's begin and empties it. */
const ERASE_LINE = "\r\u001B[K";

interface Terminal {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/**
 * Shows on a terminal what the devices do: one line, written again each second. Nothing where
 * the stream is no terminal. Returns how to stop.
 */
export function showRates(
  devices: readonly { readonly statistics: DeviceStatistics }[],
  terminal: Terminal,
): () => void {
  if (terminal.isTTY !== true) return () => undefined;
  let last = sum(devices);
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const now = sum(devices);
    const nowMs = performance.now();
    terminal.write(ERASE_LINE + rates(last, now, (nowMs - lastMs) / 1000));
    last = now;
    lastMs = nowMs;
  }, INTERVAL_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    terminal.write(ERASE_LINE);
  };
}

/** `12,345 commands/s, 48.2 MB/s read, 0.0 MB/s written` */
export function rates(last: DeviceStatistics, now: DeviceStatistics, seconds: number): string {
  const commands = Math.round((now.commands - last.commands) / seconds).toLocaleString("en-US");
  const megabytes = (bytes: number) => (bytes / seconds / 1e6).toFixed(1);
  const read = megabytes(now.readBytes - last.readBytes);
  const written = megabytes(now.writtenBytes - last.writtenBytes);
  return `${commands} commands/s, ${read} MB/s read, ${written} MB/s written`;
}

function sum(devices: readonly { readonly statistics: DeviceStatistics }[]): DeviceStatistics {
  const total = { commands: 0, readBytes: 0, writtenBytes: 0 };
  for (const { statistics } of devices) {
    total.commands += statistics.commands;
    total.readBytes += statistics.readBytes;
    total.writtenBytes += statistics.writtenBytes;
  }
  return total;
}
