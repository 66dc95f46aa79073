import { UsageError } from "../../protocol/errors.ts";
import type { ScstUserExtCopyRemap } from "../../protocol/scst/index.ts";
import { outcomeOfError } from "../error-to-outcome.ts";
import {
  COPY_EXTENTS_MAX,
  type CopyExtent,
  type CopySegment,
  type DeviceHandler,
} from "../handler.ts";
import { isOutcome, type Outcome } from "../outcome.ts";
import type { Report } from "./device-loop.ts";
import type { Sessions } from "./sessions.ts";

type RemapView = ReturnType<typeof ScstUserExtCopyRemap.view>;

/** What is left to copy, or why nothing more is to be copied. */
export type RemapResult = readonly CopyExtent[] | Outcome;

/** Asks the handler to copy a segment of an EXTENDED COPY itself. Never throws, nor rejects. */
export function remapCopy(
  handler: DeviceHandler,
  view: RemapView,
  sessions: Sessions,
  report: Report,
): RemapResult | Promise<RemapResult> {
  const failed = (error: unknown): Outcome => {
    report("HANDLER", "the handler's extendedCopyRemap failed", error);
    return outcomeOfError(error);
  };
  try {
    const segment = segmentOf(view, sessions);
    // A handler without the callback does not get here: the option is off.
    const result = handler.extendedCopyRemap?.(segment) ?? [segment];
    return result instanceof Promise ? result.then(check).catch(failed) : check(result);
  } catch (error) {
    return failed(error);
  }
}

function segmentOf(view: RemapView, sessions: Sessions): CopySegment {
  const { srcLba, dstLba, dataLen } = view.dataDescr;
  return {
    session: sessions.get(view.sessHLow, view.sessHHigh),
    source: sessions.find(view.srcSessHLow, view.srcSessHHigh),
    destination: sessions.find(view.dstSessHLow, view.dstSessHHigh),
    sourceLba: srcLba,
    destinationLba: dstLba,
    lengthBytes: dataLen,
  };
}

/** A handler in JavaScript may give anything. */
function check(result: unknown): RemapResult {
  if (isOutcome(result)) return result;
  if (!Array.isArray(result)) {
    throw new UsageError(
      "COPY_EXTENTS",
      `extendedCopyRemap gave ${typeof result}: it must give what is left to copy, or an outcome`,
    );
  }
  if (result.length > COPY_EXTENTS_MAX) {
    throw new UsageError(
      "COPY_EXTENTS",
      `${result.length} extents left to copy: there can be ${COPY_EXTENTS_MAX}`,
    );
  }
  return result as readonly CopyExtent[];
}
