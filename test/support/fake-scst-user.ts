/** A user device of a kernel's scst_user that does what a test tells it to. */
import { ERRNO } from "../../src/protocol/errno.ts";
import {
  SCST_USER_EXEC,
  SCST_USER_PARSE,
  SCST_USER_REPLY_AND_GET_MULTI,
  ScstUserGetCmd,
  ScstUserGetMulti,
  ScstUserReplyCmd,
} from "../../src/protocol/scst/index.ts";
import { KernelChannel } from "../../src/sdk/channel/kernel.ts";
import { Arena, LoopbackSource } from "../../src/sdk/memory/arena.ts";
import type { DeviceFile } from "../../src/sdk/native/device-file.ts";

export type GetCmdView = ReturnType<typeof ScstUserGetCmd.view>;
export type ReplyCmdView = ReturnType<typeof ScstUserReplyCmd.view>;

/** A reply that the kernel took. */
export interface Taken {
  readonly reply: ReplyCmdView;
  readonly sense: Uint8Array;
}

export class FakeScstUser implements DeviceFile {
  readonly path = "/dev/scst_user";
  readonly fd = -1;
  readonly arena = new Arena(new LoopbackSource());
  /** Every ioctl's number. */
  readonly requests: number[] = [];
  readonly taken: Taken[] = [];
  /** Replies that are refused, by the command's handle. */
  readonly refused = new Map<number, number>();
  closes = 0;
  readonly #queue: Uint8Array[] = [];
  #readable: () => void = () => undefined;

  /** What any other ioctl gives, REPLY_AND_GET_MULTI too where that is no number. */
  answer: (request: number, argument: number) => number | undefined = () => undefined;

  /** Called with each reply while what it points to is still there. */
  onTaken: (taken: Taken) => void = () => undefined;

  /** What the get part of REPLY_AND_GET_MULTI ends with after so many subcommands. */
  getError: { readonly after: number; readonly errno: number } | undefined;

  channel(versions = ["3.11.0-pre"], awakeTimeUsMax = 0): KernelChannel {
    const sent = versions.map((text) => ({ text, source: "a test" }));
    const gone = { root: "/nowhere", sleep: () => Promise.resolve() };
    return new KernelChannel(this, sent, this.arena, awakeTimeUsMax, gone);
  }

  /** Hands `messages` out, together. */
  post(...messages: readonly Uint8Array[]): void {
    this.bring(...messages);
    this.#readable();
  }

  /** Has `messages` there to get, and tells nobody. */
  bring(...messages: readonly Uint8Array[]): void {
    this.#queue.push(...messages);
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** The bytes at an address. */
  bytesAt(address: number, length: number): Uint8Array {
    const segment = this.arena.find(address, length);
    if (segment === undefined) throw new Error(`nothing is at 0x${address.toString(16)}`);
    const at = address - segment.base;
    return segment.bytes.subarray(at, at + length);
  }

  ioctl(request: number, argument: number): number {
    this.requests.push(request);
    const answer = this.answer(request, argument);
    if (answer !== undefined) return answer;
    return request === SCST_USER_REPLY_AND_GET_MULTI ? this.#exchange(argument) : 0;
  }

  ioctlAside(request: number, argument: number): Promise<number> {
    return Promise.resolve(this.ioctl(request, argument));
  }

  whenReadable(readable: () => void): Promise<void> {
    this.#readable = readable;
    return Promise.resolve();
  }

  close(): void {
    this.closes++;
    this.#readable = () => undefined;
    this.answer = () => -ERRNO.EBADF;
  }

  #exchange(argument: number): number {
    const multi = ScstUserGetMulti.view(this.bytesAt(argument, ScstUserGetMulti.size));
    const { repliesCnt, preplies, cmdsCnt } = multi;
    for (let i = 0; i < repliesCnt; i++) {
      const errno = this.#take(preplies + i * ScstUserReplyCmd.size);
      if (errno === 0) continue;
      multi.repliesDone = i;
      multi.cmdsCnt = 0;
      return -errno;
    }
    multi.repliesDone = repliesCnt;
    let count = 0;
    for (; count < cmdsCnt; count++) {
      const message = this.getError?.after === count ? undefined : this.#queue.shift();
      if (message === undefined) break;
      const at = argument + ScstUserGetMulti.size + count * ScstUserGetCmd.size;
      this.bytesAt(at, message.length).set(message);
    }
    multi.cmdsCnt = count;
    if (count === this.getError?.after) return -this.getError.errno;
    return count === 0 && cmdsCnt > 0 ? -ERRNO.EAGAIN : 0;
  }

  #take(address: number): number {
    const reply = ScstUserReplyCmd.view(this.bytesAt(address, ScstUserReplyCmd.size).slice());
    const errno = this.refused.get(reply.cmdH) ?? 0;
    if (errno !== 0) return errno;
    const { subcode, parseReply, execReply } = reply;
    const isRefusal = subcode === SCST_USER_PARSE && parseReply.status !== 0;
    const { senseLen, psenseBuffer } = isRefusal ? parseReply : execReply;
    const hasSense = (isRefusal || subcode === SCST_USER_EXEC) && senseLen > 0;
    const sense = hasSense ? this.bytesAt(psenseBuffer, senseLen).slice() : new Uint8Array(0);
    this.taken.push({ reply, sense });
    this.onTaken({ reply, sense });
    return 0;
  }
}
