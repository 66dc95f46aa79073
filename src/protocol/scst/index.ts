export * from "./constants.ts";
export * from "./ioctls.ts";
export * from "./structs.ts";
export * from "./version.ts";
