import type { Clock } from "../clock.ts";
import type { Command } from "../command.ts";
import { COMMAND_STATE as S, type CommandState } from "../command-state.ts";
import type { Core } from "../core.ts";
import { Latency } from "./latency.ts";
import { CommandTrace, type TraceOptions } from "./trace.ts";

const STATE_COUNT = Object.keys(S).length;

/** The states whose time is taken: no clock is read for the others. */
const STAMPED =
  bit(S.PARSE) |
  bit(S.PREPARE_SPACE) |
  bit(S.DATA_WAIT) |
  bit(S.TGT_PRE_EXEC) |
  bit(S.LOCAL_EXEC) |
  bit(S.EXEC_WAIT) |
  bit(S.DEV_DONE) |
  bit(S.XMIT_WAIT) |
  bit(S.FINISHED);

function bit(state: CommandState): number {
  return 1 << state;
}

/**
 * Looks at commands as they go through their states: how long that takes, and which they were.
 * Both are off until they are started; a core that nobody observes reads no clock.
 */
export class Observer {
  readonly #core: Core;
  readonly #clock: Clock;
  #latency = false;
  #trace: CommandTrace | undefined;
  /** Itself while there is anything to observe. */
  active: Observer | undefined = undefined;

  constructor(core: Core, clock: Clock) {
    this.#core = core;
    this.#clock = clock;
  }

  get measuresLatency(): boolean {
    return this.#latency;
  }

  /** The trace that runs. */
  get trace(): CommandTrace | undefined {
    return this.#trace;
  }

  /** Measures the latency of commands from now on, beginning with nothing. */
  startLatency(): void {
    this.clearLatency();
    this.#latency = true;
    this.#changed();
  }

  /** What has been measured stays until it is started again. */
  stopLatency(): void {
    this.#latency = false;
    this.#changed();
  }

  clearLatency(): void {
    for (const device of this.#core.devices.values()) device.latency = undefined;
    for (const target of this.#core.targets.values()) {
      for (const session of target.sessions) session.latency = undefined;
    }
  }

  /**
   * Keeps the last commands from now on, in a new ring.
   *
   * @throws UsageError TRACE_CAPACITY
   */
  startTrace(options: TraceOptions = {}): CommandTrace {
    this.#trace = new CommandTrace(options);
    this.#changed();
    return this.#trace;
  }

  /** The ring can be read as long as somebody has it. */
  stopTrace(): void {
    this.#trace = undefined;
    this.#changed();
  }

  #changed(): void {
    this.active = this.#latency || this.#trace !== undefined ? this : undefined;
  }

  /** A command is submitted. The core's own are part of an initiator's. */
  begins(command: Command): void {
    if (command.internal !== undefined) return;
    command.observer = this;
    const stamps = (command.stamps ??= new Float64Array(STATE_COUNT));
    stamps.fill(Number.NaN);
    stamps[S.FREE] = this.#clock.now();
  }

  /** The command comes to a state. */
  entered(command: Command, state: CommandState): void {
    if ((STAMPED & bit(state)) === 0) return;
    const stamps = command.stamps as Float64Array;
    const now = this.#clock.now();
    stamps[state] = now;
    if (state !== S.FINISHED) return;
    command.observer = undefined;
    if (this.#latency) this.#measure(command, stamps);
    const start = stamps[S.FREE] as number;
    this.#trace?.add(command, start, now - start);
  }

  #measure(command: Command, stamps: Float64Array): void {
    const { session, nexus } = command;
    const hasData = command.responseLength > 0 || command.dataOutLength > 0;
    record((session.latency ??= new Latency()), stamps, hasData);
    if (nexus === undefined) return;
    const { device } = nexus;
    record((device.latency ??= new Latency()), stamps, hasData);
  }
}

/** A state that the command never was in has no time: nothing is recorded of it. */
function record(latency: Latency, stamps: Float64Array, hasData: boolean): void {
  latency.total.record(between(stamps, S.FREE, S.FINISHED));
  const parse = between(stamps, S.PARSE, S.PREPARE_SPACE);
  if (!Number.isNaN(parse)) latency.parse.record(parse);
  // A command that the core executes may go on to the handler.
  const local = between(stamps, S.LOCAL_EXEC, S.DEV_DONE);
  const exec = Number.isNaN(local) ? between(stamps, S.EXEC_WAIT, S.DEV_DONE) : local;
  if (!Number.isNaN(exec)) latency.exec.record(exec);
  if (!hasData) return;
  const fetched = between(stamps, S.DATA_WAIT, S.TGT_PRE_EXEC);
  const delivered = between(stamps, S.XMIT_WAIT, S.FINISHED);
  latency.transfer.record(Number.isNaN(fetched) ? delivered : fetched + delivered);
}

function between(stamps: Float64Array, from: CommandState, to: CommandState): number {
  return (stamps[to] as number) - (stamps[from] as number);
}
