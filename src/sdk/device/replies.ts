import { ERRNO } from "../../protocol/errno.ts";
import {
  encodeDescriptorSense,
  encodeFixedSense,
  SENSE,
  type SenseCondition,
} from "../../protocol/scsi/index.ts";
import {
  SCST_EXEC_REPLY_BACKGROUND,
  SCST_EXEC_REPLY_COMPLETED,
  SCST_EXEC_REPLY_DO_WRITE_SAME,
  SCST_USER_ALLOC_MEM,
  SCST_USER_EXEC,
  SCST_USER_EXT_COPY_REMAP,
  SCST_USER_PARSE,
} from "../../protocol/scst/index.ts";
import type { DeviceHandler } from "../handler.ts";
import { checkCondition, type Outcome, type WriteSameRange } from "../outcome.ts";
import type { RemapResult } from "./copy-remap.ts";
import { type Mailbox, type Rejected, type ReplyView, SENSE_LENGTH_MAX } from "./mailbox.ts";
import type { GuessedCommand } from "./parse.ts";
import { NO_BYTES, type SlotCommand } from "./scsi-command.ts";

type ExecReplyView = ReplyView["execReply"];

/** Writes the answers to subcommands into the mailbox. */
export class Replies {
  readonly #mailbox: Mailbox;
  readonly #handler: DeviceHandler;
  readonly #rejected: Rejected;

  constructor(mailbox: Mailbox, handler: DeviceHandler, rejected: Rejected) {
    this.#mailbox = mailbox;
    this.#handler = handler;
    this.#rejected = rejected;
  }

  /** The next reply, for the subcommand with this handle. One mailbox full is given first. */
  start(handle: number, subcode: number): ReplyView {
    if (this.#mailbox.full) this.#mailbox.exchange(0, this.#rejected);
    const reply = this.#mailbox.nextReply();
    reply.cmdH = handle;
    reply.subcode = subcode;
    return reply;
  }

  /** Where a number is all that is answered. */
  result(handle: number, subcode: number, result: number): void {
    this.start(handle, subcode).result = result;
  }

  /** `responseLength` bytes of the command's buffer go to the initiator. */
  exec(command: SlotCommand, outcome: Outcome, responseLength: number): void {
    const { execReply } = this.start(command.handle, SCST_USER_EXEC);
    execReply.respDataLen = responseLength;
    execReply.pbuf =
      responseLength > 0 && command.ownBlock !== undefined ? command.ownBlock.address : 0;
    execReply.replyType = SCST_EXEC_REPLY_COMPLETED;
    execReply.status = outcome.status;
    execReply.senseLen = 0;
    execReply.psenseBuffer = 0;
    if (outcome.writeSame !== undefined) this.#putRanges(execReply, outcome.writeSame);
    if (outcome.sense !== undefined) this.#putSense(execReply, outcome, outcome.sense);
  }

  /** GOOD now; the reply that ends the command comes later. */
  background(handle: number): void {
    const { execReply } = this.start(handle, SCST_USER_EXEC);
    execReply.respDataLen = 0;
    execReply.pbuf = 0;
    execReply.replyType = SCST_EXEC_REPLY_BACKGROUND;
    execReply.status = 0;
    execReply.senseLen = 0;
    execReply.psenseBuffer = 0;
    this.#mailbox.unanswered++;
  }

  parse(handle: number, outcome: Outcome, command: GuessedCommand): void {
    const { parseReply } = this.start(handle, SCST_USER_PARSE);
    if (outcome.status === 0) command.writeTo(parseReply);
    else this.#putRefusal(parseReply, outcome);
  }

  remap(handle: number, result: RemapResult): void {
    const { remapReply } = this.start(handle, SCST_USER_EXT_COPY_REMAP);
    remapReply.status = 0;
    remapReply.remapDescriptorsLen = 0;
    remapReply.senseLen = 0;
    remapReply.psenseBuffer = 0;
    if ("status" in result) this.#putRefusal(remapReply, result);
    else this.#mailbox.putExtents(remapReply, result);
  }

  /** Of a subcommand that nobody could deal with: the core waits for an answer all the same. */
  failure(handle: number, subcode: number): void {
    const reply = this.start(handle, subcode);
    if (subcode === SCST_USER_ALLOC_MEM) reply.allocReply.pbuf = 0;
    else if (subcode === SCST_USER_PARSE) {
      this.#putRefusal(reply.parseReply, checkCondition(SENSE.INTERNAL_TARGET_FAILURE));
    } else reply.result = -ERRNO.ENOMEM;
  }

  /** An empty list means the range of the CDB, which the core knows. */
  #putRanges(execReply: ExecReplyView, ranges: readonly WriteSameRange[]): void {
    execReply.replyType = SCST_EXEC_REPLY_DO_WRITE_SAME;
    if (ranges.length === 0) return;
    const list = this.#mailbox.putRanges(ranges);
    execReply.wsDescriptors = list.address;
    execReply.wsDescriptorsLen = list.length;
  }

  #putSense(execReply: ExecReplyView, outcome: Outcome, condition: SenseCondition): void {
    const encode =
      this.#handler.options?.descriptorSense === true ? encodeDescriptorSense : encodeFixedSense;
    const sense = encode(condition, outcome.details).subarray(0, SENSE_LENGTH_MAX);
    execReply.senseLen = sense.length;
    execReply.psenseBuffer = this.#mailbox.putSense(sense);
  }

  #putRefusal(
    reply: ReplyView["parseReply"] | ReplyView["remapReply"],
    { status, sense, details }: Outcome,
  ): void {
    const bytes = sense === undefined ? NO_BYTES : encodeFixedSense(sense, details);
    reply.status = status;
    reply.senseLen = bytes.length;
    reply.psenseBuffer = this.#mailbox.putSense(bytes);
  }
}
