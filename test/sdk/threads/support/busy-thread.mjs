/** A thread that makes native calls all the time. Not TypeScript: a thread has no tsx. */
import { parentPort, workerData } from "node:worker_threads";
import koffi from "koffi";
import { register } from "tsx/esm/api";

register();
const { LEAVE_OFF, leaveOff } = await import("../../../../src/sdk/threads/thread-group.ts");

const CALLS = 2000;

const getpid = koffi.load(null).func("getpid", "int", []);
let rounds = 0;

const busy = setInterval(() => {
  for (let i = 0; i < CALLS; i++) getpid();
  if (++rounds === 2) parentPort.postMessage("busy");
}, 0);

parentPort.on("message", (message) => {
  if (message === LEAVE_OFF) leaveOff(workerData);
  if (message === "fail") throw new Error("a bug in a thread");
  clearInterval(busy);
  parentPort.close();
});
