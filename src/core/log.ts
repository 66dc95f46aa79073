/** One event worth a line in a log. `code` is stable; `message` is for people. */
export interface LogEntry {
  readonly level: "debug" | "info" | "warning" | "error";
  readonly code: string;
  readonly message: string;
  readonly cause?: unknown;
}

export type Log = (entry: LogEntry) => void;

/** For those who want no log. */
export const noLog: Log = () => undefined;
