import type { MaybePromise } from "../../handler.ts";
import type { BlockStore, Extent } from "../block-store.ts";
import { beyondEnd, readOnlyStore } from "../system-error.ts";
import type { InFlight } from "./in-flight.ts";
import type { Mapping } from "./mapping.ts";

/** A snapshot as a disk that can be read. */
export class SnapshotStore implements BlockStore {
  readonly name: string;
  readonly size: number;
  readonly readOnly = true;
  readonly #mapping: Mapping;
  readonly #inFlight: InFlight;
  #release: (() => void) | undefined;

  constructor(
    name: string,
    size: number,
    mapping: Mapping,
    inFlight: InFlight,
    release: () => void,
  ) {
    this.name = name;
    this.size = size;
    this.#mapping = mapping;
    this.#inFlight = inFlight;
    this.#release = release;
  }

  read(buffer: Uint8Array, offset: number): MaybePromise<void> {
    this.#check("read", offset, buffer.length);
    const read = this.#mapping.read(buffer, offset);
    return read === undefined ? undefined : this.#inFlight.track(read);
  }

  write(buffer: Uint8Array, offset: number): never {
    throw readOnlyStore(this.name, offset, buffer.length);
  }

  async allocated(offset: number, length: number): Promise<readonly Extent[]> {
    this.#check("look for holes", offset, length);
    return await this.#inFlight.track(this.#mapping.allocated(offset, length));
  }

  flush(): void {}

  close(): void {
    this.#release?.();
    this.#release = undefined;
  }

  #check(verb: string, offset: number, length: number): void {
    if (offset < 0 || offset + length > this.size) {
      throw beyondEnd(verb, this.name, offset, length);
    }
  }
}
