/**
 * A network that fails, between an initiator and a portal of the same machine:
 *
 *     cutting-proxy.mjs SEED HOST:PORT=HOST:PORT...
 *
 * Each pair is where it listens, and where that goes. Every connection is cut after a random number
 * of bytes: most with a RST in the middle of whatever is under way, some by falling silent, so that
 * both ends have to find out for themselves. It prints a line for each. SIGUSR1 lets connections
 * be from then on.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";

const BYTES_MIN = 256 * 1024;
const BYTES_MAX = 8 * 1024 * 1024;
/** One in so many falls silent. */
const SILENT = 4;

const [seed, ...pairs] = process.argv.slice(2);
let state = Number(seed);
let cutting = true;

/** A number from 0 up to 1, from the seed (mulberry32). */
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

function join(near, far) {
  let left = BYTES_MIN + random() * (BYTES_MAX - BYTES_MIN);
  const silently = random() < 1 / SILENT;
  let silent = false;
  const cut = () => {
    console.log(silently ? "cut: silence" : "cut: reset");
    silent = silently;
    if (silently) return;
    near.resetAndDestroy();
    far.resetAndDestroy();
  };
  for (const [from, to] of [
    [near, far],
    [far, near],
  ]) {
    from.on("data", (bytes) => {
      if (silent) return;
      left -= bytes.length;
      if (left < 0 && cutting) return cut();
      if (!to.write(bytes)) from.pause();
    });
    to.on("drain", () => from.resume());
    from.on("error", () => undefined);
    from.on("close", () => to.destroy());
  }
}

function endpoint(text) {
  const [host, port] = text.split(":");
  return { host, port: Number(port) };
}

for (const pair of pairs) {
  const [here, there] = pair.split("=").map(endpoint);
  const server = createServer((near) => join(near, connect(there)));
  await once(server.listen(here), "listening");
}
console.log("ready");

process.on("SIGUSR1", () => {
  cutting = false;
});
