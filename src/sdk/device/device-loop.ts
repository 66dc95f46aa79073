import { ERRNO, errnoName } from "../../protocol/errno.ts";
import { UsageError } from "../../protocol/errors.ts";
import {
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_USER_ALLOC_MEM,
  SCST_USER_ATTACH_SESS,
  SCST_USER_DETACH_SESS,
  SCST_USER_EXEC,
  SCST_USER_EXT_COPY_REMAP,
  SCST_USER_ON_CACHED_MEM_FREE,
  SCST_USER_ON_FREE_CMD,
  SCST_USER_PARSE,
  SCST_USER_TASK_MGMT_DONE,
  SCST_USER_TASK_MGMT_RECEIVED,
} from "../../protocol/scst/index.ts";
import { Attention } from "../../runtime/attention.ts";
import type { Channel } from "../channel/channel.ts";
import { outcomeOfError } from "../error-to-outcome.ts";
import type { DeviceHandler } from "../handler.ts";
import { busy, isOutcome, type Outcome } from "../outcome.ts";
import { remapCopy } from "./copy-remap.ts";
import { DeviceEvents } from "./events.ts";
import { readExec } from "./exec-request.ts";
import { GETS_MAX, type GetCmdView, Mailbox, type Rejected } from "./mailbox.ts";
import { parseCommand } from "./parse.ts";
import { Replies } from "./replies.ts";
import { type CommandHost, SlotCommand } from "./scsi-command.ts";
import { Sessions } from "./sessions.ts";

/** What the loop tells of events that nobody waits for. */
export type Report = (code: string, message: string, cause?: unknown) => void;

/**
 * Calls to the core in one turn of the event loop. An initiator on another processor can have the
 * next commands ready for ever, and timers, signals, sockets and other devices want their turns.
 */
const EXCHANGES_PER_TURN_MAX = 64;

/** Of those, the ones that get nothing while the loop is awake: a turn takes as long as several. */
const LOOKS_PER_TURN_MAX = 16;

/** Counts of what a device has done, ever growing. */
export interface DeviceStatistics {
  readonly commands: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

type Counts = { -readonly [Name in keyof DeviceStatistics]: DeviceStatistics[Name] };

/**
 * The handler's side of a user device: gets subcommands, calls the handler, gives replies. A
 * command that the handler carries out at once costs no promise and no timer.
 */
export class DeviceLoop implements CommandHost {
  readonly #channel: Channel;
  readonly #handler: DeviceHandler;
  readonly #report: Report;
  readonly #mailbox: Mailbox;
  readonly #replies: Replies;
  readonly #events: DeviceEvents;
  readonly #sessions: Sessions;
  readonly #attention: Attention;
  readonly #slots: SlotCommand[] = [];
  /** Commands that the handler has not finished yet: only those that wait for something. */
  readonly #waiting = new Set<SlotCommand>();
  /** Subcommands that the last exchange got. */
  #lastCount = 0;
  /** Copies that it has not finished yet. */
  #remapCount = 0;
  /** Set where getting would wait: then only {@link serveOnce} gets. */
  pumpsOnlyReply = false;
  #pumping = false;
  #again = false;
  #scheduled = false;
  #draining = false;
  #closed = false;
  #whenIdle: (() => void)[] = [];
  #whenAnswered: (() => void)[] = [];
  readonly statistics: Counts;

  constructor(
    channel: Channel,
    handler: DeviceHandler,
    report: Report,
    sessions: Sessions = new Sessions(),
    statistics: Counts = { commands: 0, readBytes: 0, writtenBytes: 0 },
  ) {
    this.statistics = statistics;
    this.#sessions = sessions;
    this.#channel = channel;
    this.#handler = handler;
    this.#report = report;
    this.#mailbox = new Mailbox(channel);
    this.#replies = new Replies(this.#mailbox, handler, this.#rejected);
    this.#events = new DeviceEvents(handler, this.#sessions, this, report);
    this.#attention = new Attention(channel.awakeTimeUsMax, this.#look);
  }

  /** Gets and replies until there is nothing more to do now, or others want their turn. */
  readonly pump = (): void => {
    if (this.#pumping || this.#closed) this.#again = true;
    else this.#talk(this.#drain);
  };

  /** The next command is near: asks for it a few times. What the handler waits for comes first. */
  readonly #look = (): void => {
    if (this.#pumping || this.#closed || this.pumpsOnlyReply) return;
    this.#talk(this.#drain, this.#isIdle() ? LOOKS_PER_TURN_MAX : 1);
  };

  /**
   * Where the channel's calls wait: waits until there are subcommands, and has them carried out.
   * It may come back without any.
   *
   * @param heard called before they are carried out
   * @returns false when the device is closed
   */
  serveOnce(heard: () => void): boolean {
    if (this.#closed) return false;
    this.#talk(() => {
      // A signal has a call that waits begin anew, which would give its replies a second time.
      if (this.#mailbox.replyCount > 0) this.#exchange(0);
      const count = this.#mailbox.exchange(GETS_MAX, this.#rejected);
      heard();
      this.#carryOut(count);
    });
    return !this.#closed;
  }

  #talk(turn: (looks: number) => void, looks = 1): void {
    this.#pumping = true;
    try {
      turn(looks);
    } catch (error) {
      this.#report("CHANNEL", "the channel to the core failed; the device is closed", error);
      // Initiators hear of it at once, instead of waiting for a device that is deaf.
      this.#closed = true;
      void this.#channel.close();
    } finally {
      this.#pumping = false;
    }
  }

  /** @param looks how many exchanges may get nothing */
  readonly #drain = (looks: number): void => {
    let left = looks;
    for (let exchanges = 0; exchanges < EXCHANGES_PER_TURN_MAX; exchanges++) {
      this.#again = false;
      const count = this.#exchange(this.pumpsOnlyReply ? 0 : GETS_MAX);
      // Now that the last ones have their replies: an initiator needs them for its next command.
      if (this.#lastCount > 0) this.#attention.received(this.#lastCount);
      this.#lastCount = count;
      if (count > 0 || this.#mailbox.replyCount > 0 || this.#again) continue;
      if (--left === 0) return;
    }
    // Those who got the last commands need not wait for the next turn.
    if (this.#mailbox.replyCount > 0) this.#exchange(0);
    setImmediate(this.pump);
  };

  #exchange(getsMax: number): number {
    const count = this.#mailbox.exchange(getsMax, this.#rejected);
    this.#carryOut(count);
    return count;
  }

  #carryOut(count: number): void {
    const { gets } = this.#mailbox;
    for (let i = 0; i < count; i++) this.#tryDispatch(gets[i] as GetCmdView);
  }

  /** What goes wrong with one subcommand must not cost the others of the batch. */
  #tryDispatch(view: GetCmdView): void {
    const { unanswered } = this.#mailbox;
    try {
      this.#dispatch(view);
    } catch (error) {
      this.#report("LOOP", "answering a subcommand failed", error);
      if (this.#mailbox.unanswered === unanswered) {
        this.#replies.failure(view.cmdH, view.subcode);
      }
    }
  }

  readonly #rejected: Rejected = (reply, errno) => {
    const { cmdH, subcode } = reply;
    const code = errnoName(errno);
    this.#report("REPLY_REJECTED", `the core refused the reply to command ${cmdH}: ${code}`);
    // It has given up waiting for the answer: there is no such session.
    if (subcode === SCST_USER_ATTACH_SESS) this.#events.attachFailed(cmdH);
    // A command that is gone takes no buffer with it.
    if (subcode === SCST_USER_EXEC && errno === ERRNO.ESRCH && reply.execReply.pbuf !== 0) {
      this.#channel.arena.release(reply.execReply.pbuf);
    }
  };

  #dispatch(view: GetCmdView): void {
    switch (view.subcode) {
      case SCST_USER_EXEC:
        this.#exec(view);
        break;
      case SCST_USER_ALLOC_MEM:
        this.#allocate(view);
        break;
      case SCST_USER_ON_FREE_CMD:
        this.#freed(view);
        break;
      case SCST_USER_ON_CACHED_MEM_FREE:
        this.#channel.arena.release(view.onCachedMemFree.pbuf);
        this.#replies.result(view.cmdH, view.subcode, 0);
        break;
      case SCST_USER_PARSE:
        this.#parse(view);
        break;
      case SCST_USER_EXT_COPY_REMAP:
        this.#remap(view);
        break;
      case SCST_USER_ATTACH_SESS:
      case SCST_USER_DETACH_SESS:
      case SCST_USER_TASK_MGMT_RECEIVED:
      case SCST_USER_TASK_MGMT_DONE:
        this.#events.handle(view);
        break;
      default:
        this.#mailbox.unanswered--;
        this.#report(
          "SUBCODE",
          `the core sent the unknown subcommand 0x${view.subcode.toString(16)}`,
        );
        break;
    }
  }

  #exec(view: GetCmdView): void {
    const command = this.#slots.pop() ?? new SlotCommand(this);
    let outcome: Outcome | Promise<Outcome>;
    try {
      outcome =
        readExec(command, view, this.#channel, this.#sessions) ??
        (this.#draining ? busy : this.#handler.exec(command));
    } catch (error) {
      outcome = this.#failed(error, command);
    }
    if (outcome instanceof Promise) this.#wait(command, outcome);
    else this.#finish(command, this.#checked(outcome, command));
  }

  /** The outcome comes later: this is the one place where a command allocates closures. */
  #wait(command: SlotCommand, outcome: Promise<Outcome>): void {
    this.#waiting.add(command);
    outcome
      .catch((error: unknown) => this.#failed(error, command))
      .then((result) => {
        this.#waiting.delete(command);
        this.#finish(command, this.#checked(result, command));
        this.#schedule();
      })
      .catch((error: unknown) => this.#report("LOOP", "finishing a command failed", error));
  }

  #checked(outcome: unknown, command: SlotCommand): Outcome {
    if (isOutcome(outcome)) return outcome;
    return this.#failed(
      new UsageError("OUTCOME", `exec gave ${typeof outcome}, which is no outcome`),
      command,
    );
  }

  #failed(error: unknown, command: SlotCommand): Outcome {
    this.#report("HANDLER", "the handler failed", error);
    // Nobody knows what is in the buffer.
    command.responseLengthSet = -1;
    return outcomeOfError(error);
  }

  /** Replies that were made outside of a pump go together at the end of this turn. */
  #schedule(): void {
    if (this.#isIdle()) for (const resolve of this.#whenIdle.splice(0)) resolve();
    if (this.#mailbox.unanswered === 0) {
      for (const resolve of this.#whenAnswered.splice(0)) resolve();
    }
    if (this.#scheduled || this.#pumping) return;
    this.#scheduled = true;
    queueMicrotask(this.#scheduledPump);
  }

  readonly #scheduledPump = (): void => {
    this.#scheduled = false;
    this.pump();
  };

  #finish(command: SlotCommand, outcome: Outcome): void {
    // A closed device has answered for its commands already.
    if (this.#closed) return;
    const good = outcome.sense === undefined && outcome.status === 0;
    // With a CHECK CONDITION only what the handler says goes along: a tape block that is shorter
    // or longer than asked for comes with sense about its length.
    const responseLength = good || command.responseLengthSet > 0 ? command.responseLength : 0;
    this.#replies.exec(command, outcome, responseLength);
    this.#count(command, good, responseLength);
    // The core does not take a buffer without data in it.
    if (command.ownBlock !== undefined && responseLength === 0) {
      this.#channel.arena.release(command.ownBlock.address);
    }
    this.#slots.push(command);
  }

  #count(command: SlotCommand, good: boolean, responseLength: number): void {
    this.statistics.commands++;
    if (!good) return;
    if (command.dataDirection === SCST_DATA_READ) this.statistics.readBytes += responseLength;
    else if (command.dataDirection !== SCST_DATA_NONE) {
      this.statistics.writtenBytes += command.bufferLength;
    }
  }

  answerInBackground(command: SlotCommand): void {
    if (command.dataDirection === SCST_DATA_READ || command.inBackground) return;
    command.inBackground = true;
    this.#replies.background(command.handle);
    if (!this.#pumping) this.#schedule();
  }

  #allocate(view: GetCmdView): void {
    const block = this.#channel.arena.allocate(view.allocCmd.allocLen);
    const { allocReply } = this.#replies.start(view.cmdH, view.subcode);
    allocReply.pbuf = block === undefined ? 0 : block.address;
  }

  #freed(view: GetCmdView): void {
    const { onFreeCmd, cmdH, subcode } = view;
    const { pbuf } = onFreeCmd;
    const bufferCached = onFreeCmd.bufferCached !== 0;
    this.#events.freed(onFreeCmd);
    if (pbuf !== 0 && !bufferCached) this.#channel.arena.release(pbuf);
    this.#replies.result(cmdH, subcode, 0);
  }

  #parse(view: GetCmdView): void {
    const { cmdH } = view;
    parseCommand(
      this.#handler,
      view.parseCmd,
      this.#sessions,
      (outcome, command) => {
        if (this.#closed) return;
        this.#replies.parse(cmdH, outcome, command);
        this.#schedule();
      },
      this.#report,
    );
  }

  #remap(view: GetCmdView): void {
    const { cmdH } = view;
    const result = remapCopy(this.#handler, view.remapCmd, this.#sessions, this.#report);
    if (!(result instanceof Promise)) {
      this.#replies.remap(cmdH, result);
      return;
    }
    this.#remapCount++;
    result
      .then((later) => {
        this.#remapCount--;
        if (!this.#closed) this.#replies.remap(cmdH, later);
        this.#schedule();
      })
      .catch((error: unknown) => this.#report("LOOP", "finishing a copy failed", error));
  }

  /** Answers an event. */
  replyResult(handle: number, subcode: number, result: number): void {
    if (this.#closed) return;
    this.#replies.result(handle, subcode, result);
    this.#schedule();
  }

  /** The waiting command with this handle, for ABORT TASK. */
  waitingCommand(handle: number): SlotCommand | undefined {
    for (const command of this.#waiting) if (command.handle === handle) return command;
    return undefined;
  }

  /** Resolves when the handler has nothing unfinished. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
    });
  }

  #isIdle(): boolean {
    return this.#waiting.size === 0 && this.#remapCount === 0;
  }

  /** Whether every subcommand that was got has its reply. */
  get isAnswered(): boolean {
    return this.#mailbox.unanswered === 0;
  }

  /** Resolves when every one has. */
  answered(): Promise<void> {
    if (this.isAnswered) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenAnswered.push(resolve);
    });
  }

  /** New commands get BUSY; resolves when those that the handler has are answered. */
  async drain(): Promise<void> {
    this.#draining = true;
    await this.idle();
    this.pump();
  }

  /** Nothing is asked of the core any more, not even to take replies. */
  abandon(): void {
    this.#closed = true;
  }

  /** No more commands are taken; replies that wait are given. */
  close(): void {
    if (this.#mailbox.replyCount > 0) this.#mailbox.exchange(0, this.#rejected);
    this.#closed = true;
  }
}
