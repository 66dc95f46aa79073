import {
  AllocationState,
  CommandFlag,
  CommandType,
  NbdError,
} from "../../../protocol/nbd/index.ts";
import { PartKind } from "./part.ts";
import type { Request } from "./request.ts";
import type { Transmission } from "./transmission.ts";

/** Of reads from here on it is worth a question whether there is anything to read. */
const SPARSE_LENGTH_MIN = 131_072;

/** How many parts a sparse read is cut into at most; the rest is read as it is. */
const SPARSE_PARTS_MAX = 64;

/** What one type of request needs. */
export interface CommandRule {
  /** Flags that mean something; FUA is allowed everywhere. */
  readonly flags: number;
  /** It changes the export. */
  readonly writes: boolean;
  /** It names a range of the export. */
  readonly ranged: boolean;
  /** Beyond the end of the export. */
  readonly beyond: NbdError;
  /** Whether the export has it at all. */
  available(phase: Transmission): boolean;
  /** Begins the request's next parts; false where there is nothing left to do. */
  step(phase: Transmission, request: Request): boolean;
  /** Answers a request that ended without an error. */
  reply(phase: Transmission, request: Request): void;
}

const { fua, df, noHole, fastZero, reqOne } = CommandFlag;
const { einval, enospc } = NbdError;
const always = () => true;
const writable = ({ writable: can }: Transmission) => can;
const status = ({ replies }: Transmission, request: Request) => replies.status(request);

const common = { flags: fua, writes: false, ranged: true, beyond: einval, reply: status };

/** Requests by type. NBD_CMD_DISC has no reply, and is none of these. */
export const COMMAND_RULES: Readonly<Record<number, CommandRule | undefined>> = {
  [CommandType.read]: {
    ...common,
    flags: fua | df,
    available: always,
    step: read,
    reply: (phase, request) => phase.replies.data(request),
  },
  [CommandType.write]: {
    ...common,
    writes: true,
    beyond: enospc,
    available: always,
    step: durable,
  },
  [CommandType.flush]: { ...common, ranged: false, available: always, step: flush },
  [CommandType.trim]: {
    ...common,
    writes: true,
    available: ({ properties }) => properties.unmapLengthMax > 0,
    step: trim,
  },
  [CommandType.cache]: {
    ...common,
    available: ({ properties }) => properties.prefetches,
    step: cache,
  },
  [CommandType.writeZeroes]: {
    ...common,
    flags: fua | noHole | fastZero,
    writes: true,
    beyond: enospc,
    available: writable,
    step: writeZeroes,
  },
  [CommandType.blockStatus]: {
    ...common,
    flags: fua | reqOne,
    available: ({ hasContext }) => hasContext,
    step: blockStatus,
    reply: ({ replies, extents }, request) => replies.blockStatus(request, extents),
  },
};

function read(phase: Transmission, request: Request): boolean {
  if (request.left === 0) return false;
  if (request.looked) {
    phase.dropParts(request);
    readExtents(phase, request);
  } else if (request.length >= SPARSE_LENGTH_MIN && phase.mayBeSparse(request)) {
    request.looked = true;
    phase.beginPart(request, PartKind.provisioning, request.length);
    return true;
  }
  const lengthMax = phase.properties.transferLengthMax;
  while (request.left > 0) {
    phase.beginPart(request, PartKind.read, Math.min(request.left, lengthMax));
  }
  return true;
}

/** Holes are told, and not read. */
function readExtents(phase: Transmission, request: Request): void {
  const { extents, properties } = phase;
  for (let i = 0; i < extents.count && request.parts.length < SPARSE_PARTS_MAX; i++) {
    const isZero = ((extents.states[i] as number) & AllocationState.zero) !== 0;
    let length = extents.lengths[i] as number;
    if (isZero) {
      phase.beginPart(request, PartKind.hole, length);
      continue;
    }
    if (i === extents.count - 1) phase.noteAllocated(request.offset + request.begun);
    while (length > 0) {
      const piece = Math.min(length, properties.transferLengthMax);
      phase.beginPart(request, PartKind.read, piece);
      length -= piece;
    }
  }
}

/** What was written is to be on the medium: a flush, where FUA of the commands did not do it. */
function durable(phase: Transmission, request: Request): boolean {
  const fuaDone = request.type === CommandType.write && phase.properties.forceUnitAccess;
  if (!request.fua || fuaDone || request.flushed) return false;
  request.flushed = true;
  phase.nextPart(request, PartKind.synchronize, 0);
  return true;
}

function flush(phase: Transmission, request: Request): boolean {
  if (request.flushed) return false;
  request.flushed = true;
  phase.nextPart(request, PartKind.synchronize, 0);
  return true;
}

function trim(phase: Transmission, request: Request): boolean {
  if (request.left === 0) return durable(phase, request);
  const length = Math.min(request.left, phase.properties.unmapLengthMax);
  phase.nextPart(request, PartKind.unmap, length);
  return true;
}

function cache(phase: Transmission, request: Request): boolean {
  if (request.left === 0) return false;
  const length = Math.min(request.left, phase.properties.transferLengthMax);
  phase.nextPart(request, PartKind.prefetch, length);
  return true;
}

function writeZeroes(phase: Transmission, request: Request): boolean {
  if (request.left === 0) return durable(phase, request);
  const { writeSameLengthMax, writeSameUnmaps, transferLengthMax } = phase.properties;
  if (request.fast && (request.noHole || !writeSameUnmaps)) {
    request.error = NbdError.enotsup;
    return false;
  }
  const [kind, lengthMax] =
    writeSameLengthMax > 0
      ? ([PartKind.writeSame, writeSameLengthMax] as const)
      : ([PartKind.zeros, transferLengthMax] as const);
  phase.nextPart(request, kind, Math.min(request.left, lengthMax));
  return true;
}

function blockStatus(phase: Transmission, request: Request): boolean {
  const { extents, properties } = phase;
  if (!request.looked && properties.reportsProvisioning) {
    request.looked = true;
    phase.beginPart(request, PartKind.provisioning, request.length);
    return true;
  }
  if (!properties.reportsProvisioning) extents.unknown(request.length);
  if (request.oneExtent) extents.count = 1;
  return false;
}
