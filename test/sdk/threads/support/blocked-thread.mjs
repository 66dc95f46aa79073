/** A thread that waits in a call that only others can end. Not TypeScript: a thread has no tsx. */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import koffi from "koffi";
import { register } from "tsx/esm/api";

register();
const { LEAVE_OFF, leaveOff, mustStop } =
  await import("../../../../src/sdk/threads/thread-group.ts");

const read = koffi.load(null).func("read", "intptr_t", ["int", "uint8_t *", "size_t"]);
const { event } = workerData.data;
const eight = new Uint8Array(8);

parentPort.postMessage("in a call");
while (!mustStop(workerData)) {
  // A semaphore: one thread a token.
  read(event, eight, 8);
  const message = receiveMessageOnPort(parentPort)?.message;
  if (message === LEAVE_OFF) break;
  if (message === "fail") throw new Error("a bug in a thread");
  if (message === "end") process.exit();
}
leaveOff(workerData);
