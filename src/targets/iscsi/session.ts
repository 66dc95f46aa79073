import type { Timer } from "../../core/clock.ts";
import type { Session } from "../../core/session.ts";
import { CmdSnWindow } from "./cmd-sn-window.ts";
import type { IscsiCode } from "./errors.ts";
import type { FullFeature } from "./full-feature.ts";
import { HeldRequests } from "./held-requests.ts";
import type { IscsiLimits } from "./limits.ts";
import type { Negotiation } from "./negotiation.ts";
import type { ConnectionStatistics } from "./statistics.ts";
import { Task } from "./tasks/task.ts";

/** What a session asks of its connections. */
export interface SessionConnection {
  readonly connectionId: number;
  /** Undefined until its login is over. */
  readonly phase: FullFeature | undefined;
  readonly statistics: ConnectionStatistics;
  /** Closes at once: another login takes the session over, or the administrator ends it. */
  supersede(code: IscsiCode, why: string): void;
  /** Closes once what was sent has left. */
  fail(code: IscsiCode, why: string): void;
}

/** A connection that was lost, whose tasks wait for another. */
export interface LostConnection {
  readonly connectionId: number;
  readonly phase: FullFeature;
  /** Ends the wait. */
  readonly timer: Timer;
}

/** Who a session is between. */
export interface SessionNames {
  readonly initiatorName: string;
  /** Six bytes in hex. */
  readonly isid: string;
  /** Undefined for discovery. */
  readonly targetName: string | undefined;
  /** The CHAP user. */
  readonly userName: string | undefined;
}

/**
 * What all connections of a session have in common: the numbers of its commands, and the
 * commands under way. Which connection a command is allegiant to, its task says.
 */
export class IscsiSession {
  readonly tsih: number;
  /** Equal for sessions that may not be open side by side. */
  readonly key: string;
  readonly names: SessionNames;
  /** The I_T nexus; a discovery session has none. */
  readonly core: Session | undefined;
  readonly window: CmdSnWindow;
  /** SCSI commands under way, by initiator task tag. */
  readonly tasks = new Map<number, Task>();
  readonly held: HeldRequests;
  /** By CID. */
  readonly connections = new Map<number, SessionConnection>();
  /** Those whose tasks can be reassigned. */
  readonly lost = new Set<LostConnection>();
  /** The keys of its first connection, which are those of the session. */
  readonly leading: Negotiation;
  /** Told when nothing of the session is left. */
  readonly whenGone: (() => void)[] = [];
  immediateCount = 0;
  closing = false;
  /** No connection that is lost is waited for any more. */
  ending = false;
  readonly #deserted: (session: IscsiSession) => void;
  readonly #pool: Task[] = [];
  #releasing = false;

  constructor(options: {
    tsih: number;
    key: string;
    names: SessionNames;
    core: Session | undefined;
    expCmdSn: number;
    limits: IscsiLimits;
    leading: Negotiation;
    /** It is to end, and has no connection with which it would. */
    deserted: (session: IscsiSession) => void;
  }) {
    this.tsih = options.tsih;
    this.key = options.key;
    this.names = options.names;
    this.core = options.core;
    this.leading = options.leading;
    this.#deserted = options.deserted;
    this.window = new CmdSnWindow(options.expCmdSn, options.limits.queueDepthMax);
    this.held = new HeldRequests(options.limits.heldLengthMax);
  }

  /** Closes every connection, and so the session. */
  supersede(code: IscsiCode, why: string): void {
    this.#end();
    for (const connection of this.connections.values()) connection.supersede(code, why);
  }

  /** The same, once what was sent has left. */
  end(code: IscsiCode, why: string): void {
    this.#end();
    for (const connection of this.connections.values()) connection.fail(code, why);
  }

  #end(): void {
    this.ending = true;
    if (this.connections.size === 0) this.#deserted(this);
  }

  newTask(phase: FullFeature, tag: number, immediate: boolean): Task {
    const task = this.#pool.pop() ?? new Task(phase);
    task.phase = phase;
    task.initiatorTaskTag = tag;
    task.immediate = immediate;
    if (immediate) this.immediateCount++;
    phase.taskCount++;
    this.tasks.set(tag, task);
    return task;
  }

  /** The task's allegiance changes. */
  move(task: Task, phase: FullFeature): void {
    const before = task.phase;
    task.phase = phase;
    phase.taskCount++;
    leave(before);
  }

  /** Ends the tasks of one connection; `done` is called when they are gone. */
  abortTasksOf(phase: FullFeature, done: () => void): void {
    this.held.drop(phase);
    if (phase.taskCount === 0) {
      done();
      return;
    }
    phase.whenIdle = done;
    for (const { phase: by, command } of this.tasks.values()) {
      if (by === phase && command !== undefined) command.session.abort(command);
    }
  }

  /** The task's tag and its place in the window are free. */
  endTask(task: Task): void {
    this.tasks.delete(task.initiatorTaskTag);
    if (task.immediate) this.immediateCount--;
    else this.window.over();
    leave(task.phase);
  }

  recycle(task: Task): void {
    task.reset();
    this.#pool.push(task);
  }

  /** The missing request may have come: what waited for it follows, in order. */
  releaseHeld(): void {
    if (this.#releasing) return;
    this.#releasing = true;
    for (;;) {
      const next = this.held.take(this.window.expCmdSn);
      if (next === undefined) break;
      for (const pdu of next.pdus) next.by.replay(pdu.header, pdu.data);
    }
    this.#releasing = false;
  }
}

/** One task less of a connection. */
function leave(phase: FullFeature): void {
  phase.taskCount--;
  if (phase.taskCount > 0 || phase.whenIdle === undefined) return;
  const { whenIdle } = phase;
  phase.whenIdle = undefined;
  whenIdle();
}
