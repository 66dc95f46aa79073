/** What happens next, in the low bits of a byte. What is not here is a message. */
export const Step = { sendRaw: 4, buffers: 5, execution: 6, time: 7 } as const;

const STEP_MASK = 7;
const ARGUMENT_SHIFT = 3;

/** A disk that puts off what it has to do. */
export interface SlowDisk {
  holdBuffers: boolean;
  holdExecution: boolean;
  giveBuffers(): void;
  execute(): void;
}

/** A byte of a program: a {@link Step} or the number of a message, and five bits with it. */
export function stepOf(byte: number): [step: number, argument: number] {
  return [byte & STEP_MASK, byte >> ARGUMENT_SHIFT];
}

/** The byte of which {@link stepOf} gives the same. */
export function stepByte(step: number, argument: number): number {
  return step | (argument << ARGUMENT_SHIFT);
}

/** {@link Step}.buffers and execution: what was put off is done; what comes is put off or not. */
export function holdBack(disk: SlowDisk, step: number, argument: number): void {
  if (step === Step.buffers) {
    disk.holdBuffers = argument > 0;
    disk.giveBuffers();
  } else {
    disk.holdExecution = argument > 0;
    disk.execute();
  }
}
