import { SENSE, type SenseCondition } from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";

/** PROGRESS INDICATION has its point before the number: 10000h would be all. */
const PROGRESS_MAX = 0xffff;

/** Hears of the part of the work that is done, from 0 to 1. */
export type Progress = (done: number) => void;

/**
 * FORMAT UNIT or SANITIZE while it goes on. The medium is not to be had meanwhile, and who asks
 * is told how far it is.
 */
export class BackgroundOperation {
  /** The command that began it: only to be compared, and over when it has been released. */
  readonly command: ScsiCommand;
  /** What commands are refused with. */
  readonly condition: SenseCondition;
  /** PROGRESS INDICATION. */
  progress = 0;
  readonly ended: Promise<Outcome>;
  /** The command that began it need not wait any longer. */
  release!: (outcome: Outcome) => void;
  readonly released: Promise<Outcome>;

  constructor(
    kind: "format" | "sanitize",
    command: ScsiCommand,
    work: (progress: Progress) => Promise<Outcome>,
  ) {
    this.command = command;
    this.condition = kind === "format" ? SENSE.FORMAT_IN_PROGRESS : SENSE.SANITIZE_IN_PROGRESS;
    this.released = new Promise((resolve) => {
      this.release = resolve;
    });
    this.ended = work((done) => {
      this.progress = Math.min(PROGRESS_MAX, Math.floor(done * (PROGRESS_MAX + 1)));
    });
  }
}
