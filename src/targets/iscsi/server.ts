import type { Command } from "../../core/command.ts";
import type { Core } from "../../core/core.ts";
import type { Device } from "../../core/device.ts";
import type { Target } from "../../core/target.ts";
import type { TargetDriver } from "../../core/target-driver.ts";
import { UsageError } from "../../protocol/errors.ts";
import { ISCSI_NAME_LENGTH_MAX, ISCSI_PORT } from "../../protocol/iscsi/index.ts";
import { Connection } from "./connection.ts";
import { IscsiCode } from "./errors.ts";
import { ISCSI_LIMITS, type IscsiLimits } from "./limits.ts";
import { offersOf } from "./negotiation.ts";
import { Portal, type PortalAddress } from "./portal.ts";
import { closeConnectionOf, Sessions } from "./sessions.ts";
import { taskManagementDone } from "./tasks/task-management.ts";
import type { Task } from "./tasks/task.ts";
import type { Transport } from "./transport.ts";

/** SPC-5, "Version descriptor values": iSCSI, no version claimed. */
const ISCSI_VERSION_DESCRIPTOR = 0x0960;

/** One portal group: all portals reach the same sessions. */
const TARGET_PORTAL_GROUP_TAG = 1;

const NAME = /^(?:iqn\.\d{4}-\d{2}\.[a-z0-9.:-]+|(?:eui|naa)\.[0-9a-f]+)$/;

export interface IscsiServerOptions {
  /** Overrides of {@link ISCSI_LIMITS}. */
  readonly limits?: Partial<IscsiLimits>;
  /**
   * Milliseconds of silence after which an initiator is sent a NOP-In, and after twice as many
   * is given up; 0 turns that off. 30,000 by default.
   */
  readonly keepAliveMs?: number;
}

/** A target for initiators to see. */
export interface IscsiExport {
  /** `iqn.…`, `eui.…` or `naa.…`, in lower case. */
  readonly iqn: string;
  readonly luns: Iterable<readonly [lun: number, device: Device | string]>;
}

/** The bridge from the core's commands to the connections they came by. */
const driver: TargetDriver = {
  name: "iscsi",
  readyToTransfer(command: Command) {
    const task = command.transport as Task;
    task.phase.readyToTransfer(task, command);
  },
  sendResponse(command: Command) {
    const task = command.transport as Task;
    task.phase.sendResponse(task, command);
  },
  taskManagementDone,
  closeSession: closeConnectionOf,
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
  readonly targetPortalGroupTag = TARGET_PORTAL_GROUP_TAG;
  readonly keepAliveMs: number;
  readonly offers: ReturnType<typeof offersOf>;
  readonly sessions: Sessions;
  readonly #targets = new Map<string, Target>();
  readonly #connections = new Set<Connection>();
  readonly #portals = new Set<Portal>();
  #closing = false;
  #whenEmpty: (() => void) | undefined;

  constructor(core: Core, options: IscsiServerOptions = {}) {
    this.core = core;
    this.limits = { ...ISCSI_LIMITS, ...options.limits };
    this.keepAliveMs = options.keepAliveMs ?? 30_000;
    this.offers = offersOf(this.limits);
    this.sessions = new Sessions(this.limits.sessionCountMax);
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  get sessionCount(): number {
    return this.sessions.count;
  }

  /** Where the first portal listens. */
  get address(): PortalAddress | undefined {
    const [portal] = this.#portals;
    return portal?.address;
  }

  /** The targets, by name. */
  get targets(): ReadonlyMap<string, Target> {
    return this.#targets;
  }

  /** Makes a target of this name, with these LUNs. */
  export({ iqn, luns }: IscsiExport): Target {
    if (iqn.length > ISCSI_NAME_LENGTH_MAX || !NAME.test(iqn)) {
      throw new UsageError(
        "ISCSI_NAME",
        `"${iqn}" is no iSCSI name: iqn.year-month.domain:name, eui.… or naa.…, lower case, ` +
          `at most ${ISCSI_NAME_LENGTH_MAX} characters`,
      );
    }
    const transportVersion = ISCSI_VERSION_DESCRIPTOR;
    const target = this.core.addTarget({ name: iqn, driver, transportVersion });
    for (const [lun, device] of luns) target.addLun(lun, device);
    this.#targets.set(iqn, target);
    return target;
  }

  /** Opens a portal. @throws SystemError such as `EADDRINUSE` */
  async listen(address: { host: string; port?: number }): Promise<PortalAddress> {
    if (this.#closing) throw new UsageError("ISCSI_CLOSED", "the server is closed");
    const portal = new Portal((transport) => this.accept(transport));
    this.#portals.add(portal);
    try {
      return await portal.listen({ host: address.host, port: address.port ?? ISCSI_PORT });
    } catch (error) {
      this.#portals.delete(portal);
      throw error;
    }
  }

  /** A connection over any transport; undefined when there are too many. */
  accept(transport: Transport): Connection | undefined {
    const { connectionCountMax } = this.limits;
    if (this.#closing || this.#connections.size >= connectionCountMax) {
      this.core.log({
        level: "warning",
        code: IscsiCode.connections,
        message: `${transport.remoteAddress}: closed, ${connectionCountMax} connections are open`,
      });
      return undefined;
    }
    const connection = new Connection(this, transport);
    this.#connections.add(connection);
    this.core.log({
      level: "debug",
      code: IscsiCode.accepted,
      message: `${transport.remoteAddress}: connected`,
    });
    return connection;
  }

  /** For connections: the target of that name. */
  findTarget(name: string): Target | undefined {
    const target = this.#targets.get(name);
    return target?.closing === true ? undefined : target;
  }

  /** For connections: what SendTargets lists. */
  targetNames(): Iterable<string> {
    return [...this.#targets.values()].filter(({ closing }) => !closing).map(({ name }) => name);
  }

  /** For connections: it is closed, and nothing of its session is left. */
  forget(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  /**
   * Accepts nothing more, lets commands under way come to their end for a while, closes every
   * connection and takes the targets out of the core.
   */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const portals = [...this.#portals].map((portal) => portal.close());
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
    });
    for (const connection of this.#connections) connection.shutDown();
    if (this.#connections.size > 0) await empty;
    await Promise.all(portals);
    for (const target of this.#targets.values()) {
      // One may have been closed by itself.
      if (this.core.targets.get(target.name) === target) this.core.removeTarget(target);
    }
    this.#targets.clear();
    this.#portals.clear();
  }
}
