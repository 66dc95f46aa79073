import type { Progress } from "scst-user";

const WIDTH = 40;

/** Where a bar can be shown: a terminal. */
interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** A bar that grows, and is gone when all is done; on a terminal only. */
export function showProgress(terminal: Terminal): Progress {
  if (terminal.isTTY !== true) return () => undefined;
  let shown = -1;
  return (done, all) => {
    const percent = Math.floor((100 * done) / all);
    if (percent === shown) return;
    shown = percent;
    const bar = "#".repeat(Math.floor((percent * WIDTH) / 100)).padEnd(WIDTH, ".");
    terminal.write(done === all ? "\r\u001b[K" : `\r[${bar}] ${percent} %`);
  };
}
