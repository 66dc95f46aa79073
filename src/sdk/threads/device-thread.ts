/** One of the threads that serve a device: the module that they run. */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";

import type { Channel } from "../channel/channel.ts";
import { deviceControl } from "../device/device-control.ts";
import { DeviceLoop } from "../device/device-loop.ts";
import { checkHandler } from "../device/options.ts";
import type { DeviceHandler } from "../handler.ts";
import { type DeviceFile, shareDeviceFile } from "../native/device-file.ts";
import { MappedSource } from "../native/mapped-memory.ts";
import { SharedArena } from "./shared-arena.ts";
import { SharedSessions } from "./shared-sessions.ts";
import { SharedStatistics } from "./shared-statistics.ts";
import { LEAVE_OFF, leaveOff, mustStop, sentCount, type ThreadStart } from "./thread-group.ts";
import type {
  Description,
  DeviceThreadData,
  FromThread,
  HandlerContext,
  HandlerFactory,
  ToThread,
} from "./device-thread-messages.ts";

const start = workerData as ThreadStart;
const data = start.data as DeviceThreadData;
const port = parentPort;
if (port === null) process.exit(1);

const send = (message: FromThread): void => port.postMessage(message);
const told: ((message: unknown) => void)[] = [];
const context: HandlerContext = {
  data: data.handlerData,
  index: start.index,
  onTold: (callback) => told.push(callback),
};
const handler = await make();

let file: DeviceFile | undefined;
let loop: DeviceLoop | undefined;

port.on("message", hear);
if (handler !== undefined) send({ kind: "described", description: describe(handler) });

function hear(message: ToThread | typeof LEAVE_OFF): void {
  if (message === LEAVE_OFF) abandon();
  else void obey(message);
}

/** Undefined where it can't be made, which is told. */
async function make(): Promise<DeviceHandler | undefined> {
  try {
    const { makeHandler } = (await import(data.module)) as { makeHandler: HandlerFactory };
    const made = await makeHandler(context);
    checkHandler(data.name, made);
    return made;
  } catch (error) {
    const { code = "HANDLER", errno, message } = error as NodeJS.ErrnoException;
    send({ kind: "refused", code, errno, message });
    return undefined;
  }
}

/** The process ends: whatever is at the handler stays there. */
function abandon(): never {
  loop?.abandon();
  file?.close();
  leaveOff(start);
}

async function obey(message: ToThread): Promise<void> {
  switch (message.kind) {
    case "serve":
      await serve(message.fd);
      send({ kind: "serving" });
      if (loop !== undefined && data.blocking) await waitInCore(loop);
      break;
    case "unblocked":
      await waitInEventLoop();
      break;
    case "drain":
      await loop?.drain();
      send({ kind: "drained" });
      break;
    case "close":
      loop?.close();
      file?.close();
      send({ kind: "closed" });
      await loop?.idle();
      await handler?.close?.();
      // The last thing that keeps the thread.
      port?.close();
      break;
    case "told":
      for (const callback of told) callback(message.message);
      break;
  }
}

async function serve(fd: number): Promise<void> {
  if (mustStop(start) || handler === undefined) return;
  file = shareDeviceFile(data.path, fd);
  const arena = new SharedArena(new MappedSource(), data.arena);
  const channel = new ThreadChannel(file, arena);
  const report = (code: string, message: string, cause?: unknown) =>
    send({ kind: "report", code, message, cause: describeCause(cause) });
  const sessions = new SharedSessions(data.sessions);
  const statistics = new SharedStatistics(data.counts, start.index);
  loop = new DeviceLoop(channel, handler, report, sessions, statistics);
  if (!data.blocking) await waitInEventLoop();
  handler.registered?.(deviceControl(channel, data.name, handler, report));
}

async function waitInEventLoop(): Promise<void> {
  if (loop === undefined) return;
  const { pump } = loop;
  loop.pumpsOnlyReply = false;
  await file?.whenReadable(() => {
    if (mustStop(start)) return;
    pump();
  });
}

/**
 * Gets commands by calls that wait for them, which lends the thread to the core, until it is told
 * that they don't. The event loop has its turns while the handler is about something, only.
 */
async function waitInCore(served: DeviceLoop): Promise<void> {
  served.pumpsOnlyReply = true;
  while (served.pumpsOnlyReply && served.serveOnce(hearNow)) {
    if (mustStop(start)) abandon();
    if (served.isAnswered) continue;
    served.pump();
    await served.answered();
  }
}

let heard = 0;

/** What was said while the thread waited. What is told before a command comes is heard first. */
function hearNow(): void {
  const sent = sentCount(start);
  if (sent === heard || port === null) return;
  heard = sent;
  for (;;) {
    const received = receiveMessageOnPort(port);
    if (received === undefined) return;
    hear(received.message as ToThread | typeof LEAVE_OFF);
  }
}

/** The device, as its threads have it: another one opened it, and closes it. */
class ThreadChannel implements Channel {
  readonly name: string;
  readonly versions = [];
  readonly awakeTimeUsMax = data.awakeTimeUsMax;
  readonly arena: SharedArena;
  readonly #file: DeviceFile;

  constructor(deviceFile: DeviceFile, arena: SharedArena) {
    this.name = deviceFile.path;
    this.arena = arena;
    this.#file = deviceFile;
  }

  ioctl(request: number, argument: number): number {
    return this.#file.ioctl(request, argument);
  }

  ioctlAside(request: number, argument: number): Promise<number> {
    return this.#file.ioctlAside(request, argument);
  }

  whenReadable(readable: () => void): Promise<void> {
    return this.#file.whenReadable(readable);
  }

  close(): void {
    this.#file.close();
    send({ kind: "failed" });
  }
}

function describe(served: DeviceHandler): Description {
  const { type, blockSize, options = {} } = served;
  return {
    type,
    blockSize,
    options: {
      ...options,
      // What is not said depends on what the handler has.
      onFree: options.onFree ?? ("onFree" in served ? "call" : "ignore"),
      extendedCopyRemap: options.extendedCopyRemap ?? "extendedCopyRemap" in served,
    },
  };
}

/** An error that can be sent: some can't be cloned. */
function describeCause(cause: unknown): unknown {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}
