import { ERRNO, errnoName } from "../../protocol/errno.ts";
import { SystemError } from "../../protocol/errors.ts";
import {
  SCST_USER_REPLY_AND_GET_MULTI,
  ScstUserDataDescriptor,
  ScstUserExtCopyDataDescr,
  ScstUserGetCmd,
  ScstUserGetMulti,
  ScstUserReplyCmd,
} from "../../protocol/scst/index.ts";
import { STATUS } from "../../protocol/scsi/index.ts";
import type { Channel } from "../channel/channel.ts";
import type { CopyExtent } from "../handler.ts";
import { WRITE_SAME_RANGES_MAX, type WriteSameRange } from "../outcome.ts";

/** In place of the count of replies: the call failed before it did anything. */
const UNTOUCHED = -1;

export type GetCmdView = ReturnType<typeof ScstUserGetCmd.view>;
export type ReplyView = ReturnType<typeof ScstUserReplyCmd.view>;
/** Told of each reply that the core did not take, and the errno. */
export type Rejected = (reply: ReplyView, errno: number) => void;

/** Subcommands got with one call. */
export const GETS_MAX = 32;

/** Replies given with one call. */
const REPLIES_MAX = 64;

/** The longest sense of a reply. */
export const SENSE_LENGTH_MAX = 252;
/** Room beside each reply: for its sense, or for its WRITE SAME ranges and their end. */
const SENSE_ROOM = (WRITE_SAME_RANGES_MAX + 1) * ScstUserDataDescriptor.size;

/**
 * The memory that the handler's loop and the core exchange messages in: subcommands one way,
 * replies the other, with one call for many (REPLY_AND_GET_MULTI).
 */
export class Mailbox {
  readonly #channel: Channel;
  readonly #multi: ReturnType<typeof ScstUserGetMulti.view>;
  readonly #multiAddress: number;
  readonly #repliesAddress: number;
  readonly #senseAddress: number;
  readonly #senses: Uint8Array;
  readonly #replies: ReplyView[] = [];
  /** Memory of lists that go with the waiting replies. */
  readonly #lists: number[] = [];
  readonly gets: readonly GetCmdView[];
  /** How many replies wait to be given. */
  replyCount = 0;
  /** How many subcommands were got and have no reply yet. */
  unanswered = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
    const messages = required(channel, ScstUserGetMulti.size + GETS_MAX * ScstUserGetCmd.size);
    this.#multiAddress = messages.address;
    this.#multi = ScstUserGetMulti.view(messages.bytes);
    this.gets = Array.from({ length: GETS_MAX }, (_, i) =>
      ScstUserGetCmd.view(messages.bytes, ScstUserGetMulti.size + i * ScstUserGetCmd.size),
    );
    const replies = required(channel, REPLIES_MAX * (ScstUserReplyCmd.size + SENSE_ROOM));
    this.#repliesAddress = replies.address;
    this.#senseAddress = replies.address + REPLIES_MAX * ScstUserReplyCmd.size;
    this.#senses = replies.bytes.subarray(REPLIES_MAX * ScstUserReplyCmd.size);
    for (let i = 0; i < REPLIES_MAX; i++) {
      this.#replies.push(ScstUserReplyCmd.view(replies.bytes, i * ScstUserReplyCmd.size));
    }
  }

  get full(): boolean {
    return this.replyCount === REPLIES_MAX;
  }

  /** The next reply to fill in. */
  nextReply(): ReplyView {
    const view = this.#replies[this.replyCount] as ReplyView;
    this.replyCount++;
    this.unanswered--;
    return view;
  }

  /** Where the sense of the reply that was made last goes: its address, `sense` copied there. */
  putSense(sense: Uint8Array): number {
    const at = (this.replyCount - 1) * SENSE_ROOM;
    this.#senses.set(sense, at);
    return this.#senseAddress + at;
  }

  /** Where a list of ranges for the reply that was made last goes: its address and length. */
  putRanges(ranges: readonly WriteSameRange[]): { address: number; length: number } {
    // A zero record ends the list.
    const length = (ranges.length + 1) * ScstUserDataDescriptor.size;
    const at = (this.replyCount - 1) * SENSE_ROOM;
    this.#senses.fill(0, at, at + length);
    for (const [i, { lba, blocks }] of ranges.entries()) {
      const view = ScstUserDataDescriptor.view(this.#senses, at + i * ScstUserDataDescriptor.size);
      view.usddLba = lba;
      view.usddBlocks = blocks;
    }
    return { address: this.#senseAddress + at, length };
  }

  /** Puts a list of what is left to copy into a reply. */
  putExtents(reply: ReplyView["remapReply"], extents: readonly CopyExtent[]): void {
    const { size } = ScstUserExtCopyDataDescr;
    reply.remapDescriptors = 0;
    reply.remapDescriptorsLen = extents.length * size;
    if (extents.length === 0) return;
    // Longer than there is room for beside the reply, and rare.
    const block = this.#channel.arena.allocate(extents.length * size);
    if (block === undefined) {
      reply.status = STATUS.TASK_SET_FULL;
      reply.remapDescriptorsLen = 0;
      return;
    }
    this.#lists.push(block.address);
    for (const [i, { sourceLba, destinationLba, lengthBytes }] of extents.entries()) {
      const view = ScstUserExtCopyDataDescr.view(block.bytes, i * size);
      view.srcLba = sourceLba;
      view.dstLba = destinationLba;
      view.dataLen = lengthBytes;
    }
    reply.remapDescriptors = block.address;
  }

  #releaseLists(): void {
    if (this.#lists.length === 0) return;
    for (const address of this.#lists.splice(0)) this.#channel.arena.release(address);
  }

  /**
   * Gives the waiting replies and gets up to `room` subcommands into `gets`.
   *
   * @returns how many subcommands there are
   * @throws SystemError the core gave none because of an error, and will give none
   */
  exchange(room: number, rejected: Rejected): number {
    const multi = this.#multi;
    let first = 0;
    for (;;) {
      multi.preplies = this.#repliesAddress + first * ScstUserReplyCmd.size;
      multi.repliesCnt = this.replyCount - first;
      multi.repliesDone = UNTOUCHED;
      multi.cmdsCnt = room;
      const result = this.#channel.ioctl(SCST_USER_REPLY_AND_GET_MULTI, this.#multiAddress);
      const done = multi.repliesDone;
      const taken = first + done;
      if (result >= 0 || done === UNTOUCHED || taken >= this.replyCount) {
        this.replyCount = 0;
        this.#releaseLists();
        const count = done === UNTOUCHED ? 0 : multi.cmdsCnt;
        // With an error there can be some that came before it.
        if (result < 0 && count === 0) this.#expectNothing(result);
        this.unanswered += count;
        return count;
      }
      // The core stops at the first reply that is wrong: the others go without it.
      rejected(this.#replies[taken] as ReplyView, -result);
      first = taken + 1;
    }
  }

  #expectNothing(result: number): void {
    if (result !== -ERRNO.EAGAIN && result !== -ERRNO.EINTR) this.#fail(result);
  }

  #fail(result: number): never {
    const code = errnoName(result);
    throw new SystemError(code, -result, `${this.#channel.name}: getting commands failed: ${code}`);
  }
}

function required(channel: Channel, length: number) {
  const block = channel.arena.allocate(length);
  if (block === undefined) {
    throw new SystemError(
      "ENOMEM",
      ERRNO.ENOMEM,
      `${channel.name}: no ${length} bytes for messages`,
    );
  }
  return block;
}
