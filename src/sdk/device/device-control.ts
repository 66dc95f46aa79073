import { ERRNO, errnoName } from "../../protocol/errno.ts";
import { SystemError } from "../../protocol/errors.ts";
import {
  SCST_USER_DEVICE_CAPACITY_CHANGED,
  SCST_USER_SET_OPTIONS,
  ScstUserOpt,
} from "../../protocol/scst/index.ts";
import type { Channel } from "../channel/channel.ts";
import type { DeviceControl, DeviceHandler, MaybePromise } from "../handler.ts";
import type { Report } from "./device-loop.ts";
import { writeHandlerOptions } from "./options.ts";

/**
 * What a handler can tell the core. It must not wait for it: the kernel waits until all commands
 * have ended, that in which the handler tells it among them.
 */
export function deviceControl(
  channel: Channel,
  name: string,
  handler: DeviceHandler,
  report: Report,
): DeviceControl {
  const tell = (done: MaybePromise<void>) => {
    if (done instanceof Promise) {
      done.catch((error: unknown) => report("CONTROL", (error as Error).message, error));
    }
  };
  return {
    optionsChanged: () => tell(setOptions(channel, name, handler)),
    capacityChanged: () =>
      tell(ask(channel, SCST_USER_DEVICE_CAPACITY_CHANGED, 0, `${name}: telling a new capacity`)),
  };
}

/** @throws SystemError also as a rejection, what the core answered */
export function ask(
  channel: Channel,
  request: number,
  argument: number,
  what: string,
): MaybePromise<void> {
  const result = channel.ioctlAside(request, argument);
  return result instanceof Promise
    ? result.then((later) => check(later, what))
    : check(result, what);
}

/** @throws SystemError where `result` is an errno */
export function check(result: number, what: string): void {
  if (result >= 0) return;
  const code = errnoName(result);
  throw new SystemError(code, -result, `${what}: ${code}`);
}

function setOptions(channel: Channel, name: string, handler: DeviceHandler): MaybePromise<void> {
  const { arena } = channel;
  const block = arena.allocate(ScstUserOpt.size);
  if (block === undefined) throw new SystemError("ENOMEM", ERRNO.ENOMEM, "no memory for options");
  block.bytes.fill(0);
  writeHandlerOptions(ScstUserOpt.view(block.bytes), handler);
  const release = () => arena.release(block.address);
  let done: MaybePromise<void>;
  try {
    done = ask(channel, SCST_USER_SET_OPTIONS, block.address, `${name}: changing options`);
  } catch (error) {
    release();
    throw error;
  }
  if (done instanceof Promise) return done.finally(release);
  release();
}
