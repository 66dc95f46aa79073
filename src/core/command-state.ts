/**
 * The life cycle of a command. The names are SCST's; the states that belong to kernel contexts
 * (CSW1, CSW2, PREPROCESSING_DONE_CALLED …) have no counterpart in one thread.
 */
export const COMMAND_STATE = {
  /** In the session's pool, or being filled in by the target driver. */
  FREE: 0,
  /** Waits until the session is attached to its LUNs, or until its device is resumed. */
  INIT_WAIT: 1,
  /** The CDB is read by the core, and by the handler where it asked for that. */
  PARSE: 2,
  /** A buffer is found, or asked from the handler. */
  PREPARE_SPACE: 3,
  /** The target driver fetches data-out. */
  DATA_WAIT: 4,
  /** Data are there; what must come before execution is checked. */
  TGT_PRE_EXEC: 5,
  /** Waits for its turn: ordering, blocking, reservations, unit attentions. */
  EXEC_CHECK: 6,
  /** The core executes it itself. */
  LOCAL_EXEC: 7,
  /** The handler has it, or will get it. */
  EXEC_WAIT: 8,
  /** Executed; the status is looked at. */
  DEV_DONE: 9,
  /** The residual is known and the response is about to leave. */
  PRE_XMIT_RESP: 10,
  /** The target driver is delivering the response. */
  XMIT_WAIT: 11,
  /** Delivered, or not; the handler lets go of it. */
  FINISHED: 12,
} as const;

export type CommandState = (typeof COMMAND_STATE)[keyof typeof COMMAND_STATE];

const S = COMMAND_STATE;

/** Which states may follow which. */
export const COMMAND_TRANSITIONS = {
  [S.FREE]: [S.INIT_WAIT, S.PARSE, S.PRE_XMIT_RESP],
  [S.INIT_WAIT]: [S.PARSE, S.PRE_XMIT_RESP],
  [S.PARSE]: [S.PREPARE_SPACE, S.PRE_XMIT_RESP],
  [S.PREPARE_SPACE]: [S.DATA_WAIT, S.TGT_PRE_EXEC, S.PRE_XMIT_RESP],
  [S.DATA_WAIT]: [S.TGT_PRE_EXEC, S.PRE_XMIT_RESP],
  [S.TGT_PRE_EXEC]: [S.EXEC_CHECK, S.PRE_XMIT_RESP],
  [S.EXEC_CHECK]: [S.LOCAL_EXEC, S.EXEC_WAIT, S.DEV_DONE],
  [S.LOCAL_EXEC]: [S.EXEC_WAIT, S.DEV_DONE],
  [S.EXEC_WAIT]: [S.DEV_DONE],
  [S.DEV_DONE]: [S.PRE_XMIT_RESP],
  [S.PRE_XMIT_RESP]: [S.XMIT_WAIT],
  [S.XMIT_WAIT]: [S.FINISHED],
  [S.FINISHED]: [S.FREE],
} as const satisfies Record<CommandState, readonly CommandState[]>;

/** A bit a state that may follow, by state. */
const allowed: readonly number[] = Object.values(S).map((state) => {
  const successors: readonly CommandState[] = COMMAND_TRANSITIONS[state];
  return successors.reduce<number>((bits, next) => bits | (1 << next), 0);
});

export function mayFollow(state: CommandState, next: CommandState): boolean {
  return ((allowed[state] as number) & (1 << next)) !== 0;
}

export function commandStateName(state: CommandState): string {
  return Object.keys(S)[state] as string;
}
