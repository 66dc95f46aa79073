import type { Command } from "../../core/command.ts";
import type { Core } from "../../core/core.ts";
import type { Target } from "../../core/target.ts";
import type { TargetDriver } from "../../core/target-driver.ts";
import { UsageError } from "../../protocol/errors.ts";
import { ISCSI_PORT } from "../../protocol/iscsi/index.ts";
import { type ChapOptions, ChapPolicy } from "./auth/chap-account.ts";
import { Lockout } from "./auth/lockout.ts";
import { Connection } from "./connection.ts";
import { IscsiCode } from "./errors.ts";
import { ExportedTarget, type IscsiExport } from "./exported-target.ts";
import { checkLimits, ISCSI_LIMITS, type IscsiLimits } from "./limits.ts";
import { offersOf } from "./negotiation.ts";
import { Portal, type PortalAddress } from "./portal.ts";
import { closeConnectionsOf, Sessions } from "./sessions.ts";
import { type IscsiStatistics, newCounts, sessionStatistics } from "./statistics.ts";
import { bufferReady } from "./tasks/data-out.ts";
import { sendResponse } from "./tasks/data-in.ts";
import { taskManagementDone } from "./tasks/task-management.ts";
import type { Task } from "./tasks/task.ts";
import { Attention } from "../../runtime/attention.ts";
import type { Transport, TransportEvents } from "../socket/transport.ts";

/** SPC-5, "Version descriptor values": iSCSI, no version claimed. */
const ISCSI_VERSION_DESCRIPTOR = 0x0960;

const PORTAL_GROUP_TAG_DEFAULT = 1;
const PORTAL_GROUP_TAG_MAX = 65_535;

export interface IscsiServerOptions {
  /** Overrides of {@link ISCSI_LIMITS}. */
  readonly limits?: Partial<IscsiLimits> | undefined;
  /**
   * Milliseconds of silence after which an initiator is sent a NOP-In, and after twice as many
   * is given up; 0 turns that off. 30,000 by default.
   */
  readonly keepAliveMs?: number | undefined;
  /** How initiators log in to targets that say nothing else. Default: without authentication. */
  readonly chap?: ChapOptions | undefined;
  /** How they log in for discovery. Default: without authentication. */
  readonly discoveryChap?: ChapOptions | undefined;
}

/** Where to listen. */
export interface IscsiPortal {
  /** A name or an address; `0.0.0.0` and `::` are all addresses. */
  readonly host: string;
  /** Default: 3260; 0 is any that is free. */
  readonly port?: number | undefined;
  /** Portals with the same tag reach the same sessions. Default: 1. */
  readonly portalGroupTag?: number | undefined;
}

/** The bridge from the core's commands to the connections they came by. */
const driver: TargetDriver = {
  name: "iscsi",
  readyToTransfer(command: Command) {
    const task = command.transport as Task;
    bufferReady(task.phase, task, command.dataOut);
  },
  sendResponse(command: Command) {
    sendResponse(command.transport as Task, command);
  },
  taskManagementDone,
  closeSession: closeConnectionsOf,
};

/**
 * An iSCSI target server (RFC 7143): portals, targets, and the sessions of their initiators.
 *
 *     const server = new IscsiServer(core);
 *     server.export({ iqn: "iqn.2026-01.org.example:disk", luns: [[0, "disk"]] });
 *     await server.listen({ host: "127.0.0.1", port: 3260 });
 */
export class IscsiServer {
  readonly core: Core;
  readonly limits: IscsiLimits;
  readonly keepAliveMs: number;
  readonly offers: ReturnType<typeof offersOf>;
  readonly sessions: Sessions;
  readonly lockout: Lockout;
  readonly discoveryChap: ChapPolicy | undefined;
  readonly counts = newCounts();
  readonly #chap: ChapPolicy | undefined;
  readonly #exports = new Map<string, ExportedTarget>();
  /** All portals': there is one event loop. */
  readonly #attention: Attention;
  readonly #connections = new Set<Connection>();
  readonly #portals = new Set<Portal>();
  #closing = false;
  #whenEmpty: (() => void) | undefined;

  /** @throws UsageError ISCSI_LIMITS, CHAP_…: what is wrong with limits, users and secrets */
  constructor(core: Core, options: IscsiServerOptions = {}) {
    this.core = core;
    this.limits = { ...ISCSI_LIMITS, ...options.limits };
    checkLimits(this.limits);
    this.#attention = new Attention(this.limits.awakeTimeUsMax);
    this.keepAliveMs = options.keepAliveMs ?? 30_000;
    this.offers = offersOf(this.limits);
    this.sessions = new Sessions(this.limits, core.clock);
    this.lockout = new Lockout(core.clock, {
      failureCountMax: this.limits.authenticationFailureCountMax,
      timeMs: this.limits.lockoutTimeMs,
    });
    this.#chap = policyOf(options.chap);
    this.discoveryChap = policyOf(options.discoveryChap);
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  get sessionCount(): number {
    return this.sessions.count;
  }

  /** Where the first portal listens. */
  get address(): PortalAddress | undefined {
    return this.portals[0];
  }

  /** Where all of them do. */
  get portals(): PortalAddress[] {
    return Array.from(this.#portals, ({ address }) => address).filter(
      (address) => address !== undefined,
    );
  }

  /** The targets, by name. */
  get targets(): ReadonlyMap<string, Target> {
    return new Map(Array.from(this.#exports.values(), ({ name, target }) => [name, target]));
  }

  /** Sessions, connections and counters as they are now. */
  get statistics(): IscsiStatistics {
    const sessions = Array.from(this.sessions, sessionStatistics);
    const connections = sessions.flatMap((session) => session.connections);
    const dataDigestErrors = connections.reduce((sum, one) => sum + one.dataDigestErrors, 0);
    return {
      ...this.counts,
      sessions,
      loginsUnderWay: this.#connections.size - connections.length,
      dataDigestErrors: this.counts.dataDigestErrors + dataDigestErrors,
    };
  }

  /** For connections: what SendTargets may list. */
  get exports(): ExportedTarget[] {
    return [...this.#exports.values()].filter(({ target }) => !target.closing);
  }

  /**
   * Makes a target of this name, with these LUNs.
   *
   * @throws UsageError: which of the options is wrong
   */
  export(options: IscsiExport): Target {
    const exported = new ExportedTarget(options, this.#chap);
    const { name } = exported;
    const transportVersion = ISCSI_VERSION_DESCRIPTOR;
    const target = this.core.addTarget({ name, driver, transportVersion });
    try {
      exported.attach(target, options);
    } catch (error) {
      this.core.removeTarget(target);
      throw error;
    }
    this.#exports.set(name, exported);
    return target;
  }

  /** Opens a portal. @throws SystemError such as `EADDRINUSE` */
  async listen(options: IscsiPortal): Promise<PortalAddress> {
    if (this.#closing) throw new UsageError("ISCSI_CLOSED", "the server is closed");
    const { host, port = ISCSI_PORT, portalGroupTag: tag = PORTAL_GROUP_TAG_DEFAULT } = options;
    if (!Number.isInteger(tag) || tag < 0 || tag > PORTAL_GROUP_TAG_MAX) {
      throw new UsageError(
        "ISCSI_PORTAL_GROUP_TAG",
        `portal group tag ${tag}: it must be 0 to ${PORTAL_GROUP_TAG_MAX}`,
      );
    }
    const portal = new Portal(tag, (transport) => this.accept(transport, tag), this.#attention);
    this.#portals.add(portal);
    try {
      return await portal.listen({ host, port });
    } catch (error) {
      this.#portals.delete(portal);
      throw error;
    }
  }

  /** A connection over any transport; undefined when there are too many. */
  accept(
    transport: Transport,
    portalGroupTag: number = PORTAL_GROUP_TAG_DEFAULT,
  ): TransportEvents | undefined {
    const { connectionCountMax } = this.limits;
    if (this.#closing || this.#connections.size >= connectionCountMax) {
      this.core.log({
        level: "warning",
        code: IscsiCode.connections,
        message: `${transport.remoteAddress}: closed, ${connectionCountMax} connections are open`,
      });
      return undefined;
    }
    const connection = new Connection(this, transport, portalGroupTag);
    this.#connections.add(connection);
    this.counts.connectionsAccepted++;
    this.core.log({
      level: "debug",
      code: IscsiCode.accepted,
      message: `${transport.remoteAddress}: connected`,
    });
    return connection.link;
  }

  /** For connections: the target of that name. */
  findTarget(name: string): ExportedTarget | undefined {
    const exported = this.#exports.get(name);
    return exported?.target.closing === true ? undefined : exported;
  }

  /** For connections: ends every session of a target, once what was answered has left. */
  coldReset(targetName: string): void {
    const why = `TARGET COLD RESET of ${targetName}`;
    for (const session of this.sessions) {
      if (session.names.targetName === targetName) session.end(IscsiCode.reset, why);
    }
  }

  /** For connections: it is closed, and nothing of its session is left. */
  forget(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  /**
   * Accepts nothing more, asks initiators to log out and waits for that for a while, closes every
   * connection and takes the targets out of the core.
   */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const lost = this.sessions.shutDown();
    const portals = [...this.#portals].map((portal) => portal.close());
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
    });
    for (const connection of this.#connections) connection.shutDown();
    if (this.#connections.size > 0) await empty;
    await Promise.all([...portals, lost]);
    for (const { target } of this.#exports.values()) {
      // One may have been closed by itself.
      if (this.core.targets.get(target.name) === target) this.core.removeTarget(target);
    }
    this.#exports.clear();
    this.#portals.clear();
  }
}

function policyOf(options: ChapOptions | undefined): ChapPolicy | undefined {
  return options === undefined ? undefined : new ChapPolicy(options);
}
