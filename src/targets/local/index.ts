export { LocalInitiator, type LocalRequest, type LocalResponse } from "./local-initiator.ts";
export { type LocalEvent, LocalTarget } from "./local-target.ts";
export type { LocalTask } from "./local-task.ts";
