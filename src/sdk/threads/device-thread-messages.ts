/** What the thread that registers a device and those that serve it say to each other. */
import type { DeviceHandler, DeviceOptions, MaybePromise } from "../handler.ts";
import type { ArenaDirectory } from "./shared-arena.ts";
import type { SessionTable } from "./shared-sessions.ts";

/** What a handler's module is called with, in each thread. */
export interface HandlerContext {
  /** What was given with the module, cloned; a SharedArrayBuffer in it is the same for all. */
  readonly data: unknown;
  /** The thread's number, from 0. */
  readonly index: number;
  /** Has `callback` called with what {@link ThreadedDevice.tell} is given. */
  onTold(callback: (message: unknown) => void): void;
}

/** What a handler's module exports as `makeHandler`. */
export type HandlerFactory = (context: HandlerContext) => MaybePromise<DeviceHandler>;

/** What registration must know of a handler. */
export interface Description {
  readonly type: number;
  readonly blockSize: number;
  readonly options: DeviceOptions;
}

export interface DeviceThreadData {
  readonly name: string;
  /** The path of the device, for messages. */
  readonly path: string;
  readonly module: string;
  readonly handlerData: unknown;
  readonly arena: ArenaDirectory;
  readonly sessions: SessionTable;
  readonly awakeTimeUsMax: number;
  /** Whether the thread waits in the core's calls. */
  readonly blocking: boolean;
  /** What each thread has done: its `SharedStatistics`. */
  readonly counts: Float64Array;
}

export type ToThread =
  | { readonly kind: "serve"; readonly fd: number }
  /** The device's calls don't wait any more. */
  | { readonly kind: "unblocked" }
  | { readonly kind: "drain" }
  | { readonly kind: "close" }
  | { readonly kind: "told"; readonly message: unknown };

export type FromThread =
  | { readonly kind: "described"; readonly description: Description }
  | {
      readonly kind: "refused";
      readonly code: string;
      readonly errno: number | undefined;
      readonly message: string;
    }
  | { readonly kind: "serving" }
  | { readonly kind: "drained" }
  | { readonly kind: "closed" }
  | { readonly kind: "failed" }
  | {
      readonly kind: "report";
      readonly code: string;
      readonly message: string;
      readonly cause: unknown;
    };
