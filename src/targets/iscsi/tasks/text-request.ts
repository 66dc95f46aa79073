import { ProtocolError } from "../../../protocol/errors.ts";
import {
  decodeText,
  encodeText,
  Opcode,
  RejectReason,
  RESERVED_TAG,
  TextRequest,
  TextResponse,
  type TextPair,
} from "../../../protocol/iscsi/index.ts";
import { joined } from "../bytes.ts";
import type { FullFeature } from "../full-feature.ts";

const request = TextRequest.view();
const response = TextResponse.view();

const NO_TEXT = new Uint8Array(0);

/** Answers the keys of one text: pairs, or why the exchange can't go on. */
export type TextAnswerer = (phase: FullFeature, pairs: readonly TextPair[]) => TextPair[] | string;

/**
 * The text exchange of a connection, of which there is one at a time: texts that continue in
 * further PDUs, theirs and ours.
 */
export class TextExchange {
  readonly #answerer: TextAnswerer;
  /** Our tag while the exchange goes on. */
  #tag = RESERVED_TAG;
  #nextTag = 0;
  #received: Uint8Array = NO_TEXT;
  #unsent: Uint8Array = NO_TEXT;

  constructor(answerer: TextAnswerer) {
    this.#answerer = answerer;
  }

  receive(phase: FullFeature, bytes: Uint8Array, at: number, data: Uint8Array): void {
    const pdu = request.at(at, bytes);
    const { initiatorTaskTag, targetTransferTag, continues, final } = pdu;
    if (targetTransferTag === RESERVED_TAG) this.#reset();
    const wrong = this.#violation(phase, targetTransferTag, continues && final, data);
    if (wrong !== undefined) {
      this.#reset();
      phase.rejectRequest(RejectReason.protocolError, wrong, bytes, at);
      return;
    }
    if (data.length > 0) this.#received = joined(this.#received, data);
    if (!continues && this.#unsent.length === 0) {
      const answer = this.#answer(phase);
      if (typeof answer === "string") {
        this.#reset();
        phase.rejectRequest(RejectReason.protocolError, answer, bytes, at);
        return;
      }
      this.#unsent = answer;
    }
    phase.over(bytes, at);
    this.#send(phase, initiatorTaskTag, !continues && final);
  }

  #reset(): void {
    this.#tag = RESERVED_TAG;
    this.#received = NO_TEXT;
    this.#unsent = NO_TEXT;
  }

  #violation(
    phase: FullFeature,
    tag: number,
    finalAndContinues: boolean,
    data: Uint8Array,
  ): string | undefined {
    const { textLengthMax } = phase.host.limits;
    if (tag !== this.#tag) return "not the tag of the text exchange under way";
    if (finalAndContinues) return "a text can't both continue and be final";
    if (this.#received.length + data.length > textLengthMax) {
      return `the text is longer than ${textLengthMax} bytes`;
    }
    if (data.length > 0 && this.#unsent.length > 0) return "text in the middle of an answer";
    return undefined;
  }

  #answer(phase: FullFeature): Uint8Array | string {
    try {
      const pairs = decodeText(this.#received, phase.host.limits);
      this.#received = NO_TEXT;
      const answer = this.#answerer(phase, pairs);
      return typeof answer === "string" ? answer : encodeText(answer);
    } catch (error) {
      if (error instanceof ProtocolError) return error.message;
      throw error;
    }
  }

  /** As much of the answer as one PDU takes. */
  #send(phase: FullFeature, initiatorTaskTag: number, finalRequest: boolean): void {
    const length = Math.min(this.#unsent.length, phase.parameters.sendDataSegmentLengthMax);
    const part = this.#unsent.subarray(0, length);
    this.#unsent = this.#unsent.subarray(length);
    const continues = this.#unsent.length > 0;
    // RFC 7143, "Text Response": our F only answers theirs, and only when all is said.
    const final = finalRequest && !continues;
    if (final) this.#reset();
    else if (this.#tag === RESERVED_TAG) this.#tag = this.#nextTag++ & 0xffff;
    const pdu = response.at(phase.writer.begin(), phase.writer.bytes);
    pdu.opcode = Opcode.textResponse;
    pdu.final = final;
    pdu.continues = continues;
    pdu.initiatorTaskTag = initiatorTaskTag;
    pdu.targetTransferTag = this.#tag;
    phase.number(pdu, true);
    if (length > 0) phase.writer.addData(part, 0, length, false);
    else phase.writer.add();
  }
}
