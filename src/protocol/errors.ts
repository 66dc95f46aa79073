/**
 * The three kinds of thrown errors, by whose fault they are. Match on `code`, which is stable,
 * not on the class: two copies of a package have two classes.
 *
 * What an initiator may legitimately cause is no error but an outcome (see the SDK).
 */

/** The peer broke a protocol: bytes that came from outside are not what they must be. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The caller used the library wrongly. The message names the value and the rule. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The system refused: `code` is the name of the errno, such as `"ENOSPC"`. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  readonly code: string;
  /** The errno as a positive number. */
  readonly errno: number;

  constructor(code: string, errno: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.errno = errno;
  }
}
