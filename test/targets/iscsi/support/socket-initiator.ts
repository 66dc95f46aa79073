import { connect, type Socket } from "node:net";
import { FakeTransport } from "./fake-transport.ts";
import { TestInitiator } from "./initiator.ts";

/** A connection of the scripted initiator over a real socket. */
export class SocketConnection {
  readonly socket: Socket;
  readonly initiator: TestInitiator;
  closed = false;
  /** Called when bytes have come, and at the end. */
  woken: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    const transport = new FakeTransport();
    const events = {
      receive: (bytes: Uint8Array) => void socket.write(Buffer.from(bytes)),
      drained: () => undefined,
      closed: () => undefined,
    };
    this.initiator = new TestInitiator({ server: { accept: () => events } }, transport);
    socket.on("data", (bytes) => {
      transport.write(bytes);
      this.woken();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.closed = true;
      this.woken();
    });
  }

  static open(port: number): Promise<SocketConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => resolve(new SocketConnection(socket)));
    });
  }

  /** Waits for bytes, or the end. */
  wait(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.woken = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
