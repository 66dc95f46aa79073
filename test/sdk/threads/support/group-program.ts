/** A process with four busy threads that ends the way that its argument says. */
import { ThreadGroup } from "../../../../src/sdk/threads/thread-group.ts";

const [how] = process.argv.slice(2);
const COUNT = 4;
let busy = 0;

const group = new ThreadGroup(
  new URL("busy-thread.mjs", import.meta.url),
  Array.from({ length: COUNT }, () => undefined),
  () => {
    busy++;
    if (busy === COUNT) end();
  },
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
      break;
    case "signal":
      process.kill(process.pid, "SIGTERM");
      break;
    default:
      group.send("end");
      void group.ended().then(() => process.stdout.write("ended\n"));
  }
}
