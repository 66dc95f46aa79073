import { type Core, UserDevice } from "../../src/core/index.ts";
import { ERRNO } from "../../src/protocol/errno.ts";
import {
  LOOPBACK_VERSION,
  SCST_USER_REGISTER_DEVICE,
  SCST_USER_REPLY_AND_GET_CMD,
  SCST_USER_REPLY_AND_GET_MULTI,
  SCST_USER_REPLY_CMD,
  ScstUserDevDesc,
  ScstUserGetCmd,
  ScstUserGetMulti,
  ScstUserReplyCmd,
} from "../../src/protocol/scst/index.ts";
import { Arena, type Block, LoopbackSource } from "../../src/sdk/memory/arena.ts";

export type GetCmdView = ReturnType<typeof ScstUserGetCmd.view>;
export type ReplyCmdView = ReturnType<typeof ScstUserReplyCmd.view>;
type DevDescView = ReturnType<typeof ScstUserDevDesc.view>;

/** Gets with one REPLY_AND_GET_MULTI. */
const GETS = 2;
const LENGTH = 4096;
const REPLY_AT = 3072;
const STRING_ROOM = 128;

/** The module reads this many bytes at each string's address. */
export const STRINGS_LENGTH = 91;

/**
 * A program with an open user device that makes every ioctl by itself: the SDK's loop is not in
 * the way of what a test wants to get wrong.
 */
export class RawProgram {
  readonly arena: Arena;
  readonly device: UserDevice;
  /** How often the device has become readable. */
  wakes = 0;
  readonly #messages: Block;
  readonly #multi: boolean;
  readonly #inbox: GetCmdView[] = [];

  /** @param options.multi subcommands come by REPLY_AND_GET_MULTI, not REPLY_AND_GET_CMD */
  constructor(core: Core, options: { multi?: boolean; arena?: Arena } = {}) {
    this.arena = options.arena ?? new Arena(new LoopbackSource());
    this.device = new UserDevice(core, this.arena, () => this.wakes++);
    this.#messages = this.allocate(LENGTH);
    this.#multi = options.multi ?? false;
  }

  allocate(length: number): Block {
    const block = this.arena.allocate(length);
    if (block === undefined) throw new Error(`the arena has no ${length} bytes`);
    return block;
  }

  /** Copies `bytes` to memory of their own and gives the address. */
  put(bytes: Uint8Array): number {
    const block = this.allocate(Math.max(bytes.length, 1));
    block.bytes.set(bytes);
    return block.address;
  }

  ioctl(request: number, argument = 0): number {
    return this.device.ioctl(request, argument);
  }

  /** An ioctl whose argument is these bytes; they hold the answer then. */
  ioctlWith(request: number, bytes: Uint8Array): number {
    const block = this.allocate(Math.max(bytes.length, 1));
    block.bytes.set(bytes);
    const result = this.ioctl(request, block.address);
    bytes.set(block.bytes.subarray(0, bytes.length));
    this.arena.release(block.address);
    return result;
  }

  /** REGISTER_DEVICE with a right version and licence, before `change` has its way. */
  register(change: (description: DevDescView) => void): number {
    const view = ScstUserDevDesc.view();
    view.versionStr = this.#putString(LOOPBACK_VERSION);
    view.licenseStr = this.#putString("GPL");
    change(view);
    return this.ioctlWith(SCST_USER_REGISTER_DEVICE, view.bytes);
  }

  #putString(text: string): number {
    const bytes = new Uint8Array(STRING_ROOM);
    bytes.set(Buffer.from(text, "latin1"));
    return this.put(bytes);
  }

  /** The next subcommand, in memory that stays as it is; undefined where there is none. */
  get(): GetCmdView | undefined {
    if (this.#inbox.length === 0) this.#exchange(0);
    return this.#inbox.shift();
  }

  /** The next subcommand; a test that has none is wrong. */
  expectGet(): GetCmdView {
    const view = this.get();
    if (view === undefined) throw new Error("there is no subcommand to get");
    return view;
  }

  /** Every subcommand that there is. */
  drain(): GetCmdView[] {
    const views: GetCmdView[] = [];
    for (let view = this.get(); view !== undefined; view = this.get()) views.push(view);
    return views;
  }

  /** Replies as the recordings do, and keeps what comes with the same call for {@link get}. */
  replyAndGet(reply: Uint8Array): number {
    this.#messages.bytes.set(reply, REPLY_AT);
    return this.#exchange(1);
  }

  /** REPLY_CMD. */
  reply(to: { cmdH: number; subcode: number }, fill: (reply: ReplyCmdView) => void): number {
    const view = ScstUserReplyCmd.view();
    view.cmdH = to.cmdH;
    view.subcode = to.subcode;
    fill(view);
    return this.ioctlWith(SCST_USER_REPLY_CMD, view.bytes);
  }

  /** Replies to an EXEC with GOOD and `respDataLen` bytes, at `pbuf` where there was no buffer. */
  good(to: { cmdH: number; subcode: number }, respDataLen = 0, pbuf = 0): number {
    return this.reply(to, ({ execReply }) => {
      execReply.respDataLen = respDataLen;
      execReply.pbuf = pbuf;
      execReply.replyType = 1;
    });
  }

  /** Gives the one reply in the message block, or none, and gets what there is. */
  #exchange(replies: 0 | 1): number {
    const { bytes, address } = this.#messages;
    if (!this.#multi) {
      const view = ScstUserGetCmd.view(bytes);
      view.preply = replies === 0 ? 0 : address + REPLY_AT;
      const result = this.ioctl(SCST_USER_REPLY_AND_GET_CMD, address);
      if (result >= 0) this.#keep(0);
      return result === -ERRNO.EAGAIN ? 0 : result;
    }
    const multi = ScstUserGetMulti.view(bytes);
    multi.preplies = address + REPLY_AT;
    multi.repliesCnt = replies;
    multi.cmdsCnt = GETS;
    const result = this.ioctl(SCST_USER_REPLY_AND_GET_MULTI, address);
    for (let i = 0; i < multi.cmdsCnt; i++) {
      this.#keep(ScstUserGetMulti.size + i * ScstUserGetCmd.size);
    }
    return result === -ERRNO.EAGAIN ? 0 : result;
  }

  #keep(at: number): void {
    this.#inbox.push(ScstUserGetCmd.view(this.#messages.bytes.slice(at, at + ScstUserGetCmd.size)));
  }
}
