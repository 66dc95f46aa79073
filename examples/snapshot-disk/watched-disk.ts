import type { DeviceHandler, DeviceSession, Disk } from "scst-user";

/** A disk, and the sessions of initiators that have it. */
export interface WatchedDisk {
  readonly handler: DeviceHandler;
  readonly sessions: ReadonlySet<DeviceSession>;
}

export function watchedDisk(served: Disk): WatchedDisk {
  const sessions = new Set<DeviceSession>();
  const handler: DeviceHandler = {
    type: served.type,
    blockSize: served.blockSize,
    get options() {
      return served.options;
    },
    registered: (device) => served.registered(device),
    parse: (command) => served.parse(command),
    exec: (command) => served.exec(command),
    attachSession(session) {
      sessions.add(session);
      served.attachSession(session);
    },
    detachSession(session) {
      sessions.delete(session);
      served.detachSession(session);
    },
    taskManagementReceived: (request) => served.taskManagementReceived(request),
    close: () => served.close(),
  };
  return { handler, sessions };
}
