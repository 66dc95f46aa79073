/** The servers that are compared: each over a file of its own, at a Unix socket, by NBD. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Images } from "../../test/interop/support/images.ts";
import { type NbdBenchServer, startPeer } from "../nbd/servers.ts";
import { endsWithUs } from "../support/child-server.ts";

const root = join(import.meta.dirname, "../..");

/** A program of the examples, from the build, as users run it. */
async function startExample(name: string, words: readonly string[]): Promise<NbdBenchServer> {
  const program = join(root, "dist/examples", name, "main.js");
  const child = spawn(process.execPath, [program, "serve", ...words], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const stop = endsWithUs(child);
  let uri: string | undefined;
  for await (const line of createInterface(child.stdout)) {
    uri ??= /nbd\+unix:\S+/.exec(line)?.[0];
    if (line === "ready") break;
  }
  if (uri === undefined) {
    await stop();
    throw new Error(`${name} said no address: is it built (npm run build)?`);
  }
  return { name, uri, pid: child.pid!, stop };
}

/** @param keyFile its passphrase */
export function startEncryptingDisk(images: Images, image: string, keyFile: string) {
  const socket = images.path("encrypting-disk.socket");
  return startExample("encrypting-disk", [image, `--key-file=${keyFile}`, `--nbd=unix:${socket}`]);
}

export function startSnapshotDisk(images: Images, image: string): Promise<NbdBenchServer> {
  const socket = images.path("snapshot-disk.socket");
  return startExample("snapshot-disk", [image, `--nbd=unix:${socket}`]);
}

/** nbdkit's luks filter over its file plugin. */
export function startNbdkitLuks(images: Images, image: string, keyFile: string) {
  const socket = images.path("nbdkit.socket");
  const words = ["-f", "-U", socket, "--filter=luks", "file", image, `passphrase=+${keyFile}`];
  return startPeer("nbdkit", words, "Unix socket", 0, socket);
}

export function startQemuLuks(images: Images, image: string, keyFile: string) {
  return startQemu(images, [
    "--object",
    `secret,id=key,file=${keyFile}`,
    "--image-opts",
    `driver=luks,key-secret=key,file.driver=file,file.filename=${image}`,
  ]);
}

export function startQemuQcow2(images: Images, image: string): Promise<NbdBenchServer> {
  return startQemu(images, ["-f", "qcow2", image]);
}

function startQemu(images: Images, words: readonly string[]): Promise<NbdBenchServer> {
  const socket = images.path("qemu-nbd.socket");
  return startPeer(
    "qemu-nbd",
    ["-t", "-e", "16", "-k", socket, ...words],
    "Unix socket",
    0,
    socket,
  );
}
