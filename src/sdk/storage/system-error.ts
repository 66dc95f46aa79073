import { getSystemErrorMap } from "node:util";

import { ERRNO, errnoName } from "../../protocol/errno.ts";
import { SystemError } from "../../protocol/errors.ts";

/** A `SystemError` for an errno (a positive number). `what` says which operation on what. */
export function errnoError(errno: number, what: string, cause?: unknown): SystemError {
  // Node's table is without some of those that a disk gives, such as EDQUOT.
  const [name, text] = getSystemErrorMap().get(-errno) ?? [errnoName(errno), "unknown error"];
  return new SystemError(
    name,
    errno,
    `${what}: ${name}, ${text}`,
    cause === undefined ? undefined : { cause },
  );
}

/** A `SystemError` for what Node's fs threw. What has no errno is told as EIO. */
export function systemError(cause: unknown, what: string): SystemError {
  const errno = (cause as NodeJS.ErrnoException | null)?.errno;
  return errnoError(errno === undefined ? ERRNO.EIO : Math.abs(errno), what, cause);
}

/** Words for an access, for messages: `read of 4096 bytes at offset 0 of file a.img`. */
export function access(verb: string, name: string, offset: number, length: number): string {
  return `${verb} of ${length} bytes at offset ${offset} of ${name}`;
}

/** What every store says of an access that it cannot have: past its end. */
export function beyondEnd(verb: string, name: string, offset: number, length: number): SystemError {
  return new SystemError(
    "EIO",
    ERRNO.EIO,
    `${access(verb, name, offset, length)}: EIO, beyond its end`,
  );
}

/** What a file store says where somebody has made the file smaller than the store is. */
export function cutShort(verb: string, name: string, end: number): SystemError {
  return new SystemError(
    "EIO",
    ERRNO.EIO,
    `${verb} of ${name}: EIO, it has been cut to ${end} bytes`,
  );
}

/** What every store says of a write that it must refuse. */
export function readOnlyStore(
  name: string,
  offset: number,
  length: number,
  verb = "write",
): SystemError {
  return new SystemError(
    "EROFS",
    ERRNO.EROFS,
    `${access(verb, name, offset, length)}: EROFS, it is read-only`,
  );
}
