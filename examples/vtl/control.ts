import { once } from "node:events";
import { chmodSync, rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { UsageError } from "scst-user";

import type { AdminAnswer } from "./admin.ts";
import type { AdminRequest } from "./admin-options.ts";

/** A line is a request in JSON, a line comes back: `{"answer": …}` or `{"code", "message"}`. */
type Reply = { readonly answer: AdminAnswer } | { readonly code: string; readonly message: string };

const CONNECTIONS_MAX = 16;
const REQUEST_BYTES_MAX = 4 * 1024 * 1024;
/** sun_path of struct sockaddr_un, with its end. */
const PATH_BYTES_MAX = 107;

/**
 * Listens for operators in the library's folder; only the owner gets at it. Whoever calls holds
 * the library's lock: a socket that is there is a leftover.
 *
 * @returns ends it
 */
export async function listenForOperators(
  folder: string,
  administer: (request: AdminRequest) => Promise<AdminAnswer>,
): Promise<() => Promise<void>> {
  const path = pathOf(folder);
  rmSync(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    serve(socket, administer);
  });
  server.maxConnections = CONNECTIONS_MAX;
  await listenAlone(server, path);
  return async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
    rmSync(path, { force: true });
  };
}

/** Between bind and chmod nobody else may get in. */
async function listenAlone(server: Server, path: string): Promise<void> {
  const mask = process.umask(0o177);
  try {
    server.listen(path);
    await once(server, "listening");
  } finally {
    process.umask(mask);
  }
  chmodSync(path, 0o600);
}

function serve(socket: Socket, administer: (request: AdminRequest) => Promise<AdminAnswer>): void {
  let text = "";
  let last = Promise.resolve();
  const answer = async (line: string) => {
    const reply = await replyTo(line, administer);
    if (!socket.destroyed) socket.write(`${JSON.stringify(reply)}\n`);
  };
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    text += chunk;
    if (text.length > REQUEST_BYTES_MAX) socket.destroy();
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      last = last.then(() => answer(line));
    }
  });
}

async function replyTo(
  line: string,
  administer: (request: AdminRequest) => Promise<AdminAnswer>,
): Promise<Reply> {
  try {
    return { answer: await administer(JSON.parse(line) as AdminRequest) };
  } catch (error) {
    const { code = "FAILED", message } = error as { code?: unknown; message: string };
    return { code: String(code), message };
  }
}

/** Asks the program that serves a library; undefined where none does. */
export async function askServer(
  folder: string,
  request: AdminRequest,
): Promise<AdminAnswer | undefined> {
  const socket = createConnection(pathOf(folder));
  try {
    await once(socket, "connect");
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ECONNREFUSED") return undefined;
    throw error;
  }
  socket.write(`${JSON.stringify(request)}\n`);
  for await (const line of createInterface({ input: socket })) {
    socket.destroy();
    const reply = JSON.parse(line) as Reply;
    if ("answer" in reply) return reply.answer;
    throw new UsageError(reply.code, reply.message);
  }
  throw new UsageError(
    "SERVER_ENDED",
    "the program that serves the library ended before it answered",
  );
}

function pathOf(folder: string): string {
  const path = join(folder, "control.sock");
  const length = Buffer.byteLength(path);
  if (length <= PATH_BYTES_MAX) return path;
  throw new UsageError(
    "PATH",
    `${path}: a socket's path can have ${PATH_BYTES_MAX} bytes: name the folder from nearer by`,
  );
}
