/** Where saved reservations are kept. */

/**
 * A store of small files by name. What it must keep to:
 *
 * - `save` resolves when the bytes are on the medium: after a crash at any moment `load` gives
 *   the bytes before or those after, never a mixture. On a file system: write a new file beside
 *   the old one, fsync it, rename it over the old one, fsync the folder.
 * - `remove` resolves when the removal is on the medium (unlink, fsync of the folder). Removing
 *   what is not there is no error.
 * - A `save` or `remove` that throws or rejects has changed nothing that `load` gives. If the last
 *   fsync fails after the rename, the store puts the old file back before it says so.
 * - Calls do not overlap.
 *
 * Names are device names, and those with ".1" behind: the backup that SCST keeps beside its files.
 */
export interface StateStore {
  /** The bytes saved last, or undefined where there are none. */
  load(name: string): Uint8Array | undefined;
  save(name: string, bytes: Uint8Array): void | Promise<void>;
  remove(name: string): void | Promise<void>;
}

/** A store that lives as long as the process: for tests, and for devices that do. */
export class MemoryStateStore implements StateStore {
  readonly files = new Map<string, Uint8Array>();

  load(name: string): Uint8Array | undefined {
    return this.files.get(name);
  }

  save(name: string, bytes: Uint8Array): void {
    this.files.set(name, bytes.slice());
  }

  remove(name: string): void {
    this.files.delete(name);
  }
}
