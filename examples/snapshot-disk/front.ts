import type { DeviceHandler } from "scst-user";

export type Tell = (message: string) => void;

/** How disks reach initiators. */
export interface Front {
  /** Makes a disk a LUN: the one that is asked for or, for those that follow, a free one. */
  add(name: string, handler: DeviceHandler, readOnly: boolean): Promise<Served>;
  /** Lets initiators in. */
  listen(): Promise<void>;
  /** Ends what is left, and closes the disks: the first one last, whose image the others read. */
  stop(): Promise<void>;
}

/** A disk that initiators have. */
export interface Served {
  /** Undefined where it is for an administrator to make it one. */
  readonly lun: number | undefined;
  /** How to reach it, a line each. */
  ways(): string[];
  /** Takes it away, and closes it. */
  remove(): Promise<void>;
}

/** Everything is tried; then the first failure is thrown. */
export async function allInTurn(steps: readonly (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) await step().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}
