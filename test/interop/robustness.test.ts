/** What one client does, however rude, is no other client's business. */
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { spawn } from "node:child_process";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FileioTgt } from "./support/fileio-tgt.ts";
import { Images, MIB } from "./support/images.ts";
import { SteadyClient } from "./support/steady-client.ts";
import { toolsAreMissing } from "./support/tools.ts";

/** How long a client is let run before it is killed. */
const MID_TRANSFER_MS = 250;
/** How long the steady client has to show that it goes on. */
const CYCLES_AFTER = 5;
const KILLS = 3;

const TOOLS = ["qemu-io", "qemu-img", "qemu-iscsi", "iscsi-perf"] as const;

interface Garbage {
  readonly name: string;
  readonly bytes: () => Uint8Array;
}

const GARBAGE: readonly Garbage[] = [
  { name: "random bytes", bytes: () => randomFillSync(new Uint8Array(64 * 1024)) },
  { name: "zeros", bytes: () => new Uint8Array(64 * 1024) },
  { name: "ones", bytes: () => new Uint8Array(64 * 1024).fill(0xff) },
  { name: "HTTP", bytes: () => Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(4)) },
  { name: "half a header", bytes: () => loginHeader(() => undefined).subarray(0, 20) },
  {
    name: "a login of 16 MiB that never comes",
    bytes: () => loginHeader((header) => header.fill(0xff, 5, 8)),
  },
  {
    name: "a login with an AHS that is longer than allowed",
    bytes: () => loginHeader((header) => header.fill(0xff, 4, 8)),
  },
  {
    name: "a SCSI command before the login",
    bytes: () => Uint8Array.from({ length: 48 }, (_, i) => (i === 0 ? 0x01 : i === 1 ? 0xc1 : 0)),
  },
];

describe.skipIf(toolsAreMissing(...TOOLS))("a rude client disturbs nobody", () => {
  let images: Images;
  let server: FileioTgt;
  let url: string;
  /** Those who write at random write here. */
  let otherUrl: string;
  let steady: SteadyClient | undefined;

  beforeAll(async () => {
    images = await Images.open();
    server = await FileioTgt.start([
      { name: "disk1", path: await images.sparse("disk1.img", 256 * MIB) },
      { name: "disk2", path: await images.sparse("disk2.img", 256 * MIB) },
    ]);
    [url = "", otherUrl = ""] = server.urls;
  });

  beforeEach(async () => {
    steady = await SteadyClient.start(url, { offset: 200 * MIB, length: 1 * MIB });
  });

  afterEach(async () => {
    await steady?.stop();
    steady = undefined;
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await images[Symbol.asyncDispose]();
  });

  /** The steady client has gone on, with the right data, on the same server. */
  async function expectUndisturbed(): Promise<void> {
    await steady?.more(CYCLES_AFTER);
    expect(steady?.problems).toEqual([]);
    expect(server.running).toBe(true);
  }

  async function killInMidTransfer(command: string, ...args: string[]): Promise<void> {
    const child = spawn(command, args, { stdio: "ignore" });
    const ended = once(child, "close");
    await delay(MID_TRANSFER_MS);
    expect(child.exitCode, `${command} was to be killed while it runs`).toBeNull();
    child.kill("SIGKILL");
    await ended;
  }

  const bench = ["bench", "-f", "raw", "-t", "none", "-d", "16", "-c", "1000000"];

  test.each([
    ["4 KiB reads", "iscsi-perf", ["-m", "32", "-b", "8", "-r"]],
    ["1 MiB reads", "iscsi-perf", ["-m", "32", "-b", "2048"]],
    ["4 KiB writes", "qemu-img", [...bench, "-w", "-s", "4096"]],
    ["1 MiB writes", "qemu-img", [...bench, "-w", "-s", "1M"]],
  ])("a client killed amid %s", async (_name, command, args) => {
    const victim = command === "qemu-img" ? otherUrl : url;
    for (let i = 0; i < KILLS; i++) await killInMidTransfer(command, ...args, victim);
    await expectUndisturbed();
  });

  async function sendGarbage(bytes: Uint8Array): Promise<void> {
    const [host = "", port = ""] = server.portal.split(":");
    const socket = connect({ host, port: Number(port) });
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.resume().write(bytes);
    // The server closes, or waits for more, which it does not get.
    await Promise.race([once(socket, "close"), delay(MID_TRANSFER_MS)]);
    socket.destroy();
  }

  test.each(GARBAGE)("a socket that sends $name", async ({ bytes }) => {
    for (let i = 0; i < KILLS; i++) await sendGarbage(bytes());
    await expectUndisturbed();
  });

  test("many sockets that say nothing", async () => {
    await Promise.all(Array.from({ length: 64 }, () => sendGarbage(new Uint8Array(0))));
    await expectUndisturbed();
  });

  test("SIGTERM ends the server with exit code 0, clients or not", async () => {
    const ended = server.stop();
    await steady?.stop();
    expect(await ended).toMatchObject({ code: 0, signal: null });
  });
});

/** A login request with the immediate and transit bits, for a valid start of a header. */
function loginHeader(change: (header: Uint8Array) => void): Uint8Array {
  const header = new Uint8Array(48);
  header.set([0x43, 0x87]);
  change(header);
  return header;
}
