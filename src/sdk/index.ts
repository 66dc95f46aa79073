export * from "./handler.ts";
export * from "./outcome.ts";
