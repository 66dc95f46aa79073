/**
 * What the kernel has for the sockets that portals accept. Node has no way to read socket options,
 * so this asks getsockopt(2), about the descriptor that /proc/net/tcp and /proc/self/fd lead to.
 */
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type AddressInfo, connect, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { Core } from "../../../src/core/core.ts";
import { type Koffi, loadKoffi } from "../../../src/runtime/koffi.ts";
import { IscsiServer } from "../../../src/targets/iscsi/server.ts";
import { NbdServer } from "../../../src/targets/nbd/server.ts";

// <asm-generic/socket.h>, <linux/tcp.h>
const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;

type Target = Pick<IscsiServer | NbdServer, "connectionCount" | "close"> & {
  listen(at: { host: string; port: number }): Promise<object>;
};

const TARGETS: [string, () => Target][] = [
  ["iSCSI", () => new IscsiServer(new Core())],
  ["NBD", () => new NbdServer(new Core())],
];

/** A port as /proc/net/tcp has it. */
const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0");

/** The descriptor of this process whose socket has these ports. */
function descriptorOf(localPort: number, remotePort: number): number {
  const row = readFileSync("/proc/self/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find(
      ([, local, remote]) =>
        local?.endsWith(`:${hex(localPort)}`) && remote?.endsWith(`:${hex(remotePort)}`),
    );
  const link = `socket:[${row?.[9]}]`;
  const fd = readdirSync("/proc/self/fd").find((name) => linkOf(name) === link);
  if (fd === undefined) throw new Error(`there is no ${link}`);
  return Number(fd);
}

function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The descriptor that readdir had the folder open by.
    return undefined;
  }
}

function optionReader(koffi: Koffi): (fd: number, level: number, option: number) => number {
  const getsockopt = koffi
    .load("libc.so.6")
    .func("int getsockopt(int fd, int level, int name, _Out_ int *value, _Inout_ uint32 *length)");
  return (fd, level, option) => {
    const value = [0];
    const failed: unknown = getsockopt(fd, level, option, value, [4]);
    expect(failed).toBe(0);
    return value[0] as number;
  };
}

const koffi = loadKoffi();

describe.skipIf(koffi === undefined)("an accepted socket", () => {
  test.each(TARGETS)("of %s sends at once and asks for the peer", async (_what, open) => {
    const server = open();
    const { port } = (await server.listen({ host: "127.0.0.1", port: 0 })) as { port: number };
    const client: Socket = connect(port, "127.0.0.1");
    await once(client, "connect");
    while (server.connectionCount === 0) await new Promise(setImmediate);

    const fd = descriptorOf(port, (client.address() as AddressInfo).port);
    const read = optionReader(koffi as Koffi);
    expect(read(fd, IPPROTO_TCP, TCP_NODELAY)).toBe(1);
    expect(read(fd, SOL_SOCKET, SO_KEEPALIVE)).toBe(1);
    expect(read(fd, IPPROTO_TCP, TCP_KEEPIDLE)).toBe(60);

    client.destroy();
    await server.close();
  });
});
