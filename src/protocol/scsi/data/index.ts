export * from "./capacity.ts";
export * from "./extended-copy.ts";
export * from "./inquiry.ts";
export * from "./log.ts";
export * from "./mode.ts";
export * from "./persistent-reserve.ts";
export * from "./report.ts";
export * from "./vpd.ts";
