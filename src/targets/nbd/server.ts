import type { Command } from "../../core/command.ts";
import type { Core } from "../../core/core.ts";
import type { Target } from "../../core/target.ts";
import type { TargetDriver } from "../../core/target-driver.ts";
import { UsageError } from "../../protocol/errors.ts";
import { NbdCode } from "./codes.ts";
import { closeConnectionOf, Connection } from "./connection.ts";
import { checkLimits, NBD_LIMITS, type NbdLimits } from "./limits.ts";
import { Listener, type NbdAddress } from "./listener.ts";
import type { CommandOwner } from "./scsi/client.ts";
import { checkTls, type TlsSettings } from "./tls.ts";
import { Attention } from "../../runtime/attention.ts";
import type { NbdTransport, TransportEvents } from "./transport.ts";

export interface NbdServerOptions {
  /** Overrides of {@link NBD_LIMITS}. */
  readonly limits?: Partial<NbdLimits>;
  /** Encryption; none unless said. */
  readonly tls?: TlsSettings;
  /** The core's target that has the exports as LUNs; `"nbd"` unless said. */
  readonly targetName?: string;
}

/** The bridge from the core's commands to what they are for. */
const driver: TargetDriver = {
  name: "nbd",
  readyToTransfer(command: Command) {
    (command.transport as CommandOwner).readyToTransfer(command);
  },
  sendResponse(command: Command) {
    (command.transport as CommandOwner).sendResponse(command);
  },
  taskManagementDone() {
    // None is ever asked for.
  },
  closeSession: closeConnectionOf,
};

/**
 * An NBD server: each LUN of its target is an export, under the name of its device. Who sees
 * which is a matter of the target's groups, where a client is known by the common name of its
 * certificate, the identity of its pre-shared key, or its address.
 *
 *     const server = new NbdServer(core);
 *     server.target.addLun(0, "disk");
 *     await server.listen({ host: "127.0.0.1", port: 10809 });
 */
export class NbdServer {
  readonly core: Core;
  readonly limits: NbdLimits;
  readonly tls: TlsSettings | undefined;
  readonly target: Target;
  /** All listeners': there is one event loop. */
  readonly #attention: Attention;
  readonly #connections = new Set<Connection>();
  readonly #listeners = new Set<Listener>();
  #closing = false;
  #whenEmpty: (() => void) | undefined;

  /** @throws UsageError NBD_LIMITS, NBD_TLS, TARGET_NAME_TAKEN */
  constructor(core: Core, options: NbdServerOptions = {}) {
    const { limits, tls, targetName = "nbd" } = options;
    if (tls !== undefined) checkTls(tls);
    this.core = core;
    this.limits = { ...NBD_LIMITS, ...limits };
    checkLimits(this.limits);
    this.#attention = new Attention(this.limits.awakeTimeUsMax);
    this.tls = tls;
    this.target = core.addTarget({ name: targetName, driver });
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Opens a socket to listen on. @throws SystemError such as `EADDRINUSE` */
  async listen(address: NbdAddress): Promise<NbdAddress> {
    if (this.#closing) throw new UsageError("NBD_CLOSED", "the server is closed");
    const listener = new Listener((transport) => this.accept(transport), this.#attention);
    this.#listeners.add(listener);
    try {
      return await listener.listen(address);
    } catch (error) {
      this.#listeners.delete(listener);
      throw error;
    }
  }

  /** A connection over any transport; undefined when there are too many. */
  accept(transport: NbdTransport): TransportEvents | undefined {
    const { connectionCountMax } = this.limits;
    if (this.#closing || this.#connections.size >= connectionCountMax) {
      this.core.log({
        level: "warning",
        code: NbdCode.connections,
        message: `${transport.remoteAddress}: closed, ${connectionCountMax} connections are open`,
      });
      return undefined;
    }
    this.core.log({
      level: "debug",
      code: NbdCode.accepted,
      message: `${transport.remoteAddress}: connected`,
    });
    const connection = new Connection(this, transport);
    this.#connections.add(connection);
    return connection;
  }

  /** For connections: it is closed, and nothing of its session is left. */
  forget(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  /**
   * Accepts nothing more, lets requests under way come to their end for a while, closes every
   * connection and takes the target out of the core.
   */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const listeners = [...this.#listeners].map((listener) => listener.close());
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
    });
    for (const connection of this.#connections) connection.shutDown();
    if (this.#connections.size > 0) await empty;
    await Promise.all(listeners);
    this.#listeners.clear();
    // It may have been closed by itself.
    const { core, target } = this;
    if (core.targets.get(target.name) === target) core.removeTarget(target);
  }
}
