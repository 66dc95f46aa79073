import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { type Core, PROMETHEUS_CONTENT_TYPE, prometheusText } from "scst-user";

import type { Address } from "./program-rules.ts";

const PATH = "/metrics";

/** A scraper has one connection, or a few. */
const CONNECTIONS_MAX = 16;

/**
 * Serves what the core has counted for Prometheus, and measures latencies from now on. It never
 * keeps the program alive. Returns the URL.
 */
export async function serveMetrics(core: Core, { host, port }: Address): Promise<string> {
  const server = createServer((request, response) => answer(core, request, response));
  server.maxConnections = CONNECTIONS_MAX;
  server.listen({ host, port });
  await once(server, "listening");
  server.unref();
  // A connection that is kept open must not hold up the end of the program either.
  server.on("connection", (socket) => socket.unref());
  core.observer.startLatency();
  const { port: bound } = server.address() as AddressInfo;
  return `http://${host.includes(":") ? `[${host}]` : host}:${bound}${PATH}`;
}

function answer(core: Core, request: IncomingMessage, response: ServerResponse): void {
  const { method, url = "" } = request;
  if (url.split("?", 1)[0] !== PATH) {
    end(response, 404, `there is nothing but ${PATH}\n`);
  } else if (method !== "GET" && method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    end(response, 405, "GET or HEAD, please\n");
  } else {
    response.setHeader("Content-Type", PROMETHEUS_CONTENT_TYPE);
    end(response, 200, method === "HEAD" ? "" : prometheusText(core.snapshot()));
  }
}

function end(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status;
  response.end(body);
}
