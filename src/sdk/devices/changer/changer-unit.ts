import type { DeviceSession, MaybePromise, ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";
import type { CheckedCommand } from "../cdb-rule.ts";
import type { DeviceIdentity } from "../identity.ts";
import { SessionAttentions } from "../session-attentions.ts";
import type { Element } from "./element.ts";
import type { Library } from "./library.ts";

/** Carries out one command of the changer. */
export type Run = (unit: ChangerUnit, command: ScsiCommand) => MaybePromise<Outcome>;

/** An opcode (with a service action, where it has them) that the changer has. */
export interface SupportedCommand extends CheckedCommand {
  readonly run: Run;
  /** Answered without regard to unit attentions and what the picker does. */
  readonly always: boolean;
}

/** What SEND VOLUME TAG has found, for REQUEST VOLUME ELEMENT ADDRESS. */
export interface VolumeSearch {
  readonly actionCode: number;
  readonly elements: readonly Element[];
  /** The library's changes when it searched. */
  readonly changeCount: number;
}

/** What the changer's commands know of it. */
export class ChangerUnit {
  readonly library: Library;
  readonly identity: DeviceIdentity;
  readonly supportedCommands: readonly SupportedCommand[];
  readonly attentions = new SessionAttentions();
  readonly searches = new Map<DeviceSession, VolumeSearch>();
  /** A cartridge couldn't be used, and TapeAlert has not told yet. */
  inventoryAlert = false;

  constructor(
    library: Library,
    identity: DeviceIdentity,
    supportedCommands: readonly SupportedCommand[],
  ) {
    this.library = library;
    this.identity = identity;
    this.supportedCommands = supportedCommands;
  }
}
