import type { Channel } from "scst-user";

/** Brings the devices of a library to hosts. */
export interface Front {
  /** What a logical unit, `changer` or `drive1`, is called as a device. */
  deviceName(unit: string): string;
  /** For one more device. */
  openChannel(): Channel;
  /** Makes the units logical units, LUN 0 and on. Returns where each of them is, for people. */
  open(units: readonly string[]): Promise<string[]>;
  /** No initiator gets at them any more. */
  close(): Promise<void>;
}
