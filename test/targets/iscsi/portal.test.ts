import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, test } from "vitest";
import { Core } from "../../../src/core/core.ts";
import { IscsiServer } from "../../../src/targets/iscsi/server.ts";
import { pattern, TARGET, TestInitiator } from "./support/initiator.ts";
import { RamDevice } from "./support/ram-device.ts";

const servers: IscsiServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);

async function listening(
  host = "127.0.0.1",
): Promise<{ server: IscsiServer; disk: RamDevice; port: number }> {
  const core = new Core();
  const disk = new RamDevice("disk");
  core.addDevice(disk);
  const server = new IscsiServer(core);
  servers.push(server);
  server.export({ iqn: TARGET, luns: [[0, disk]] });
  const { port } = await server.listen({ host, port: 0 });
  return { server, disk, port };
}

/** Makes PDUs only; the bytes go over a socket. */
const maker = () => new TestInitiator({ server: { accept: () => undefined } });

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

/** Collects what comes until there are `length` bytes. */
function received(socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length >= length) resolve(bytes);
    });
  });
}

describe("over TCP", () => {
  test("a login, a megabyte out and back", async () => {
    const { server, disk, port } = await listening();
    const initiator = maker();
    const socket = connect(port, "127.0.0.1");
    const login = initiator.login({ transit: true, currentStage: 1, nextStage: 3 }, [
      ["InitiatorName", "iqn.2026-01.org.example:i"],
      ["TargetName", TARGET],
      ["MaxRecvDataSegmentLength", "262144"],
      ["FirstBurstLength", "262144"],
      ["InitialR2T", "No"],
    ]);
    socket.write(login);
    await once(socket, "data");
    const data = pattern(262_144);
    socket.write(initiator.command([0]));
    for (let i = 0; i < 4; i++) socket.write(initiator.write(i * 512, 512, {}, data));
    await received(socket, 4 * 48);
    await until(() => disk.bufferCount === 0);
    for (let i = 0; i < 4; i++) {
      expect(Buffer.compare(disk.medium.subarray(i * 262_144, (i + 1) * 262_144), data)).toBe(0);
    }
    socket.removeAllListeners("data");
    socket.write(Buffer.concat([0, 1, 2, 3].map((i) => initiator.read(i * 512, 512))));
    const bytes = await received(socket, 4 * (48 + 262_144));
    for (let i = 0; i < 4; i++) {
      const start = i * (48 + 262_144) + 48;
      expect(Buffer.compare(bytes.subarray(start, start + 262_144), data)).toBe(0);
    }
    await until(() => disk.bufferCount === 0);
    socket.destroy();
    await until(() => server.connectionCount === 0);
    expect(server.sessionCount).toBe(0);
  });

  test("the server closes with connections open, and listens no more", async () => {
    const { server, port } = await listening();
    const socket = connect(port, "127.0.0.1");
    await until(() => server.connectionCount === 1);
    const closed = once(socket.resume(), "close");
    await server.close();
    await closed;
    const [error] = (await once(connect(port, "127.0.0.1"), "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
    await expect(server.listen({ host: "127.0.0.1", port: 0 })).rejects.toMatchObject({
      code: "ISCSI_CLOSED",
    });
  });

  test.skipIf(!hasIpv6).each([
    ["::1", "::1", "[::1]"],
    ["::", "::1", "[::1]"],
    ["::", "127.0.0.1", "127.0.0.1"],
  ])("at %s, discovered by %s: TargetAddress=%s", async (host, by, named) => {
    const { port } = await listening(host);
    const initiator = maker();
    const socket = connect(port, by);
    const login = initiator.login({ transit: true, currentStage: 1, nextStage: 3 }, [
      ["InitiatorName", "iqn.2026-01.org.example:i"],
      ["SessionType", "Discovery"],
    ]);
    socket.write(login);
    await once(socket, "data");
    socket.write(initiator.text([["SendTargets", "All"]]));
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.subarray(48).toString()).toContain(`TargetAddress=${named}:${port},1\0`);
    socket.destroy();
  });

  test("a port that is taken", async () => {
    const { port } = await listening();
    const other = new IscsiServer(new Core());
    await expect(other.listen({ host: "127.0.0.1", port })).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
    await other.close();
  });
});

describe("names of targets", () => {
  test.each(["disk", "iqn.2026-01.Example:x", "iqn.2026.org:x", `iqn.2026-01.${"x".repeat(220)}`])(
    "%s is none",
    (iqn) => {
      const server = new IscsiServer(new Core());
      expect(() => server.export({ iqn, luns: [] })).toThrow(/iSCSI name/);
    },
  );
});
