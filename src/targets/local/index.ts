export { LocalInitiator, type LocalRequest, type LocalResponse } from "./local-initiator.ts";
export { LocalTarget } from "./local-target.ts";
export type { LocalTask } from "./local-task.ts";
