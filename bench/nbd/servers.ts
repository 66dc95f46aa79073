/** The NBD servers that are compared, each as a process of its own, on the same file. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { FileioTgt, FROM_BUILD } from "../../test/interop/support/fileio-tgt.ts";
import { findProgram } from "../../test/interop/support/tools.ts";
import { endsWithUs } from "../support/child-server.ts";
import { freePort } from "../support/free-port.ts";

export interface NbdBenchServer {
  readonly name: string;
  readonly uri: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** How a server is reached. */
export type Way = "Unix socket" | "TCP";

const START_MS_MAX = 5000;
const POLL_MS = 50;

/** `fileio_tgt` from the build, as users run it. */
export async function startOurs(way: Way, disk: string, socket: string): Promise<NbdBenchServer> {
  const address = way === "TCP" ? "127.0.0.1:0" : `unix:${socket}`;
  const server = await FileioTgt.start([{ name: "bench", path: disk }], {
    program: FROM_BUILD,
    options: ["--nbd", address],
  });
  return {
    name: "fileio_tgt",
    uri: server.nbdUris[0]!,
    pid: server.pid,
    async stop() {
      await server.stop();
    },
  };
}

/** nbdkit's file plugin with its defaults. */
export async function startNbdkit(way: Way, disk: string, socket: string): Promise<NbdBenchServer> {
  const port = await freePort();
  const where = way === "TCP" ? ["-i", "127.0.0.1", "-p", String(port)] : ["-U", socket];
  return await startPeer("nbdkit", ["-f", ...where, "file", disk], way, port, socket);
}

/** qemu-nbd with its defaults, but for as many clients as there are connections. */
export async function startQemuNbd(
  way: Way,
  disk: string,
  socket: string,
): Promise<NbdBenchServer> {
  const port = await freePort();
  const where = way === "TCP" ? ["-b", "127.0.0.1", "-p", String(port)] : ["-k", socket];
  const args = ["-t", "-e", "16", "-f", "raw", ...where, disk];
  return await startPeer("qemu-nbd", args, way, port, socket);
}

/** A server of somebody else's, which listens at `port` or `socket`. */
export async function startPeer(
  name: string,
  args: readonly string[],
  way: Way,
  port: number,
  socket: string,
): Promise<NbdBenchServer> {
  const child = spawn(findProgram(name) ?? name, args, { stdio: "ignore" });
  const stop = endsWithUs(child);
  try {
    await listening(way === "TCP" ? { host: "127.0.0.1", port } : { path: socket });
  } catch (error) {
    await stop();
    throw error;
  }
  const uri = way === "TCP" ? `nbd://127.0.0.1:${port}/` : `nbd+unix:///?socket=${socket}`;
  return { name, uri, pid: child.pid!, stop };
}

async function listening(address: { path: string } | { host: string; port: number }) {
  const endMs = performance.now() + START_MS_MAX;
  for (;;) {
    const socket = connect(address);
    try {
      await once(socket, "connect");
      return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await delay(POLL_MS);
    } finally {
      socket.destroy();
    }
  }
}
