import { rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";

import { UsageError } from "scst-user";

import type { Operation } from "./options.ts";

/** unix(7): sun_path, without its end. */
const SOCKET_PATH_BYTES_MAX = 107;
const LINE_BYTES_MAX = 64 * 1024;
const CONNECTIONS_MAX = 16;

/** One line of JSON each way. */
export type Answer =
  | { readonly lines: readonly string[] }
  | { readonly error: { readonly code: string; readonly message: string } };

export type Answerer = (operation: Operation) => Promise<readonly string[]>;

function socketPathOf(file: string): string {
  return `${file}.sock`;
}

/** Answers whoever may write to the socket beside the file: its owner alone. */
export async function serveControl(file: string, answer: Answerer): Promise<() => Promise<void>> {
  const path = socketPathOf(file);
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    const rule = `at most ${SOCKET_PATH_BYTES_MAX} bytes`;
    throw new UsageError("CONTROL_SOCKET", `${path}: the path of a socket has ${rule}`);
  }
  // Who has the lock of the file has the socket: one that is there was left by a process killed.
  rmSync(path, { force: true });
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    serveConnection(socket, answer);
  });
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, path);
  return async () => {
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    for (const socket of open) socket.destroy();
    await closed;
  };
}

/** Asks the process that serves `file`; undefined where there is none. */
export async function ask(file: string, operation: Operation): Promise<Answer | undefined> {
  const socket = connect(socketPathOf(file));
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ECONNREFUSED") return undefined;
    throw error;
  }
  socket.write(`${JSON.stringify(operation)}\n`);
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  if (text === "") throw new UsageError("CONTROL_SOCKET", `${file}: the server ended`);
  return JSON.parse(text) as Answer;
}

async function listen(server: Server, path: string): Promise<void> {
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(mask);
  }
}

function serveConnection(socket: Socket, answer: Answerer): void {
  let text = "";
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: string) => {
    text += chunk;
    if (text.length > LINE_BYTES_MAX) socket.destroy();
    const end = text.indexOf("\n");
    if (end < 0) return;
    socket.removeAllListeners("data");
    void answerLine(text.slice(0, end), answer).then((reply) => {
      socket.end(`${JSON.stringify(reply)}\n`);
    });
  });
}

async function answerLine(line: string, answer: Answerer): Promise<Answer> {
  try {
    return { lines: await answer(operationFrom(JSON.parse(line))) };
  } catch (error) {
    const { code = "FAILED" } = error as { code?: string };
    const message = error instanceof Error ? error.message : String(error);
    return { error: { code, message } };
  }
}

const NEEDS: Readonly<Record<string, string>> = {
  snap: "name",
  delete: "name",
  revert: "name",
  export: "name",
  unexport: "name",
  clone: "to",
};

function operationFrom(value: unknown): Operation {
  const given = (value ?? {}) as Readonly<Record<string, unknown>>;
  const command = String(given["command"]);
  const need = Object.hasOwn(NEEDS, command) ? NEEDS[command] : undefined;
  const isRight =
    command === "list" ||
    (need !== undefined &&
      typeof given[need] === "string" &&
      ["string", "undefined"].includes(typeof given["snapshot"]) &&
      ["boolean", "undefined"].includes(typeof given["force"]));
  if (isRight) return given as unknown as Operation;
  throw new UsageError("CONTROL_REQUEST", `it is no request: ${JSON.stringify(value)}`);
}
