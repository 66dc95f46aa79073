/**
 * `npm start [-- OPTIONS] [NAME PATH]`: from a fresh clone to an iSCSI target on this machine.
 * Installs and builds what is missing, makes demo.img when no NAME PATH is given, runs fileio_tgt.
 * Plain JavaScript without dependencies, because it has to run before anything is installed.
 */
import { spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, ftruncateSync, openSync, readdirSync, statSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const ADDRESS = "127.0.0.1:3260";
const DEMO_SIZE_BYTES = 1024 ** 3;
const SIGNAL_ECHO_MS = 500;

const root = join(import.meta.dirname, "..");
const program = join(root, "dist/examples/fileio_tgt/main.js");

install();
run(targetArguments(process.argv.slice(2)));

function install() {
  if (!existsSync(join(root, "node_modules"))) npm("ci");
  if (isStale()) npm("run", "build");
}

function isStale() {
  const built = join(root, "dist/build.tsbuildinfo");
  if (!existsSync(program) || !existsSync(built)) return true;
  const builtMs = statSync(built).mtimeMs;
  return ["src", "examples"].some((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).some(
      (entry) =>
        entry.isFile() &&
        entry.name.endsWith(".ts") &&
        statSync(join(entry.parentPath, entry.name)).mtimeMs > builtMs,
    ),
  );
}

function npm(...words) {
  const viaNpm = process.env.npm_execpath;
  const [command, ...first] = viaNpm ? [process.execPath, viaNpm] : ["npm"];
  const { status, error } = spawnSync(command, [...first, ...words], {
    cwd: root,
    stdio: "inherit",
  });
  if (error) console.error(`npm ${words.join(" ")}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

function targetArguments(given) {
  const listening = given.includes("--iscsi") ? given : ["--iscsi", ADDRESS, ...given];
  const lastTwo = given.slice(-2);
  const hasPair = lastTwo.length === 2 && lastTwo.every((word) => !word.startsWith("-"));
  return hasPair ? listening : [...listening, "demo", demoImage()];
}

function demoImage() {
  const path = join(root, "demo.img");
  if (!existsSync(path)) {
    const file = openSync(path, "wx");
    ftruncateSync(file, DEMO_SIZE_BYTES);
    closeSync(file);
    console.log(`made ${path}, 1 GiB, sparse`);
  }
  return path;
}

function run(words) {
  // In a process group of its own, so that Ctrl-C reaches it once: through us.
  const child = spawn(process.execPath, [program, ...words], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [, address] = words.slice(words.indexOf("--iscsi"));
  let target = "TARGET";
  let told = false;
  createInterface({ input: child.stdout }).on("line", (line) => {
    console.log(line);
    target = /iqn\.[\w.:-]+/.exec(line)?.[0] ?? target;
    if (told || !/\bready\b/.test(line)) return;
    told = true;
    console.log(commandsToTry(address, target));
  });
  forwardSignals(child);
  child.on("error", (error) => {
    console.error(`fileio_tgt: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("close", (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

function forwardSignals(child) {
  for (const signal of ["SIGINT", "SIGTERM"]) {
    let lastMs = -Infinity;
    process.on(signal, () => {
      // A terminal and npm may both pass on one Ctrl-C.
      const nowMs = performance.now();
      if (nowMs - lastMs > SIGNAL_ECHO_MS) child.kill(signal);
      lastMs = nowMs;
    });
  }
  process.on("exit", () => child.kill());
}

function commandsToTry(address, target) {
  const url = `iscsi://${address}/${target}/0`;
  return [
    "",
    "Try, in another terminal (Debian: libiscsi-bin qemu-utils qemu-block-extra):",
    `  iscsi-ls -s iscsi://${address}`,
    `  iscsi-inq ${url}`,
    `  qemu-img info ${url}`,
    `  qemu-img bench -f raw -c 100000 -d 32 -s 4096 ${url}`,
    "Ctrl-C ends it.",
    "",
  ].join("\n");
}
