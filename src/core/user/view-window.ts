import type { Fields, Layout, ViewOf } from "../../protocol/layout/index.ts";
import type { MemorySegment } from "../user-memory.ts";

/**
 * Views of an array of structs in the program's memory. Programs use the same array again and
 * again: its views are kept until the array is another one.
 */
export class ViewWindow<F extends Fields> {
  readonly #layout: Layout<F>;
  #bytes: Uint8Array | undefined;
  #offset = -1;
  #views: ViewOf<F>[] = [];

  constructor(layout: Layout<F>) {
    this.#layout = layout;
  }

  /** Looks at the array that begins at `address` of `segment`. */
  point(segment: MemorySegment, address: number): void {
    const offset = address - segment.base;
    if (segment.bytes === this.#bytes && offset === this.#offset) return;
    this.#bytes = segment.bytes;
    this.#offset = offset;
    this.#views = [];
  }

  /** The struct number `index` of the array. */
  view(index: number): ViewOf<F> {
    let view = this.#views[index];
    if (view === undefined) {
      view = this.#layout.view(this.#bytes, this.#offset + index * this.#layout.size);
      this.#views[index] = view;
    }
    return view;
  }
}
