import { createRequire } from "node:module";

import type * as koffi from "koffi";

export type Koffi = typeof koffi;

let loaded: Koffi | null | undefined;

/**
 * koffi, an optional dependency; undefined where it can't be loaded or the platform is not one
 * that the prototypes here are for: 64-bit Linux.
 */
export function loadKoffi(): Koffi | undefined {
  loaded ??= tryLoad();
  return loaded ?? undefined;
}

function tryLoad(): Koffi | null {
  if (process.platform !== "linux") return null;
  if (process.arch !== "x64" && process.arch !== "arm64") return null;
  try {
    return createRequire(import.meta.url)("koffi") as Koffi;
  } catch {
    return null;
  }
}
