/** A process with four threads in native calls that ends the way that its arguments say. */
import { loadKoffi } from "../../../../src/runtime/koffi.ts";
import { ThreadGroup } from "../../../../src/sdk/threads/thread-group.ts";

const [kind = "busy", how] = process.argv.slice(2);
const COUNT = 4;
const EFD_SEMAPHORE = 1;
let ready = 0;

const libc = loadKoffi()?.load(null);
const write = libc?.func("write", "intptr_t", ["int", "uint8_t *", "size_t"]);
const event: unknown = libc?.func("eventfd", "int", ["uint", "int"])(0, EFD_SEMAPHORE);

/** Lets as many threads go as wait. */
function wake(): void {
  write?.(event, new Uint8Array([COUNT, 0, 0, 0, 0, 0, 0, 0]), 8);
}

const group = new ThreadGroup(
  new URL(`${kind}-thread.mjs`, import.meta.url),
  Array.from({ length: COUNT }, () => ({ event })),
  () => {
    ready++;
    if (ready === COUNT) end();
  },
  { wake },
);

function end(): void {
  switch (how) {
    case "exit":
      process.exit(7);
      break;
    case "throw":
      setImmediate(() => {
        throw new Error("a bug");
      });
      break;
    case "thread":
      group.send("fail");
      wake();
      break;
    case "signal":
      process.kill(process.pid, "SIGTERM");
      break;
    default:
      group.send("end");
      wake();
      void group.ended().then(() => process.stdout.write("ended\n"));
  }
}
