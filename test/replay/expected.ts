import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ExpectedDifference } from "./differences.ts";
import { TraceError } from "./trace.ts";

const file = join(import.meta.dirname, "expected-differences.json");

/** The steps that can't match yet, with the reasons. */
export function readExpected(): ExpectedDifference[] {
  const list: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (!Array.isArray(list) || !list.every(isExpected)) {
    throw new TraceError(`${file}: a list of {trace, step, reason} is wanted`);
  }
  return list;
}

function isExpected(value: unknown): value is ExpectedDifference {
  const { trace, step, reason } = value as Record<string, unknown>;
  return typeof trace === "string" && Number.isInteger(step) && typeof reason === "string";
}
