export {
  LocalInitiator,
  type LocalRequest,
  type LocalResponse,
  LocalTarget,
  type LocalTask,
} from "./local/index.ts";
