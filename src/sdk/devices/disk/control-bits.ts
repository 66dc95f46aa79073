import type { DeviceOptions } from "../../handler.ts";

/** What the Control mode page tells: the core keeps to it. */
export type ControlBits = Required<
  Pick<
    DeviceOptions,
    | "taskSetType"
    | "queueAlgorithm"
    | "queueErrorManagement"
    | "taskAbortedStatus"
    | "softwareWriteProtect"
    | "descriptorSense"
    | "taskManagementFunctionsOnly"
  >
>;

/**
 * The core's options for the device, and the part of them that MODE SELECT changes. `options`
 * is replaced as a whole, so that who holds it sees no half of a change.
 */
export class Control {
  #options: DeviceOptions & ControlBits;
  /** Tells the core; set when the device is registered. */
  changed: (() => void) | undefined;

  constructor(given: DeviceOptions | undefined) {
    this.#options = {
      // As the C handler: each nexus has its task set, and commands may be reordered.
      taskSetType: 1,
      queueAlgorithm: 1,
      queueErrorManagement: 0,
      taskAbortedStatus: false,
      softwareWriteProtect: false,
      descriptorSense: false,
      taskManagementFunctionsOnly: false,
      ...given,
    };
  }

  get options(): DeviceOptions & ControlBits {
    return this.#options;
  }

  /** Changes bits here and at the core; where the core refuses, nothing has changed. */
  set(bits: Partial<ControlBits>): void {
    const before = this.#options;
    this.#options = { ...before, ...bits };
    try {
      this.changed?.();
    } catch (error) {
      this.#options = before;
      throw error;
    }
  }
}
