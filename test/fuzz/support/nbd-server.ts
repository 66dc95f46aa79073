import { deepEqual } from "node:assert/strict";
import { settled, type TestNbdServer } from "../../targets/nbd/support/client.ts";

/** All connections are closed: what they held has to be given back. */
export async function expectNothingLeft(testServer: TestNbdServer): Promise<void> {
  const { server, disk, log } = testServer;
  disk.holdBuffers = false;
  disk.holdExecution = false;
  for (let round = 0; round < 3; round++) {
    disk.giveBuffers();
    disk.execute();
    await settled();
  }
  // What tests look at, and what would grow for ever here.
  disk.carriedOut.length = 0;
  const left = {
    connections: server.connectionCount,
    sessions: [...server.target.sessions].length,
    buffers: disk.bufferCount,
    timers: testServer.timerCount,
    errors: log.splice(0).filter(({ level }) => level === "error"),
  };
  deepEqual(left, { connections: 0, sessions: 0, buffers: 0, timers: 0, errors: [] });
}
