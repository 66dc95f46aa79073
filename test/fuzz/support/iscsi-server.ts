import { deepEqual } from "node:assert/strict";
import type { TestServer } from "../../targets/iscsi/support/initiator.ts";

/** Past Time2Wait and Time2Retain: a connection that is lost does not come back any more. */
const OVER_MS = 60_000;

const settled = () => new Promise<void>((resolve) => void setImmediate(resolve));

/** All connections are closed: what they held has to be given back. */
export async function expectNothingLeft(testServer: TestServer): Promise<void> {
  const { server, disk, log } = testServer;
  disk.holdBuffers = false;
  disk.holdExecution = false;
  for (let round = 0; round < 2; round++) {
    disk.giveBuffers();
    disk.execute();
    await settled();
    testServer.advance(OVER_MS);
  }
  const left = {
    connections: server.connectionCount,
    sessions: server.sessionCount,
    buffers: disk.bufferCount,
    timers: testServer.timerCount,
    errors: log.splice(0).filter(({ level }) => level === "error"),
  };
  deepEqual(left, { connections: 0, sessions: 0, buffers: 0, timers: 0, errors: [] });
}
