/**
 * Serves a device the way that the first argument says (main, threads, blocking), and ends in the
 * midst of commands the way that the second one says (exit, throw, close).
 */
import {
  exportFromKernel,
  exportPlace,
  kernelChannel,
  registerDevice,
  registerThreadedDevice,
} from "scst-user";

import { makeHandler } from "./memory-disk.mjs";

const COMMANDS_MIN = 200;
const [mode, how] = process.argv.slice(2);

const device =
  mode === "main"
    ? await registerDevice(kernelChannel(), "ends", makeHandler())
    : await registerThreadedDevice("ends", {
        module: new URL("memory-disk.mjs", import.meta.url),
        threads: 2,
        blocking: mode === "blocking",
      });
await exportFromKernel("ends", exportPlace("scst_local"));
console.log("ready");

const looks = setInterval(() => {
  if (device.statistics.commands < COMMANDS_MIN) return;
  clearInterval(looks);
  end();
}, 10);

function end() {
  switch (how) {
    case "exit":
      process.exit(7);
      break;
    case "throw":
      throw new Error("a bug");
    default:
      // The LUN is still there: SCST takes it away.
      void device.close().then(() => {
        process.exitCode = 9;
      });
  }
}
