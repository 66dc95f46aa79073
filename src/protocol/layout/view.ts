/**
 * What every view of a layout has: the bytes it looks at and where in them it stands.
 *
 * A view is made once and pointed at new bytes with {@link View.at}; reading and writing its
 * fields allocates nothing. Nested views are made on first use and move with it; byte arrays are
 * made on first use and kept until it moves.
 */
export class View {
  /** The memory that the view looks into. */
  bytes: Uint8Array;
  /** The same memory, for numbers of more than one byte. */
  data: DataView;
  /** Where in `bytes` the layout begins, in bytes. */
  offset: number;
  /** Byte arrays, by field index. */
  parts: (Uint8Array | undefined)[] | undefined;
  /** Nested views, by field index, and beside each where in this view it stands. */
  nested: (View | undefined)[] | undefined;
  nestedOffsets: number[] | undefined;

  constructor(bytes: Uint8Array, offset: number) {
    this.bytes = bytes;
    this.data = dataViewOf(bytes);
    this.offset = offset;
    this.parts = undefined;
    this.nested = undefined;
    this.nestedOffsets = undefined;
  }

  /** Points the view at `offset` of `bytes` (or of the bytes it has). Returns the view. */
  at(offset: number, bytes: Uint8Array = this.bytes): this {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.data = dataViewOf(bytes);
    }
    this.offset = offset;
    this.parts = undefined;
    if (this.nested !== undefined) this.#moveNested();
    return this;
  }

  /** Layouts print every field, with its offset and value. */
  toString(): string {
    return `a view of ${this.bytes.length} bytes at ${this.offset}`;
  }

  /** Keeps a nested view, to move it with this one. */
  keep(index: number, at: number, view: View): void {
    (this.nested ??= [])[index] = view;
    (this.nestedOffsets ??= [])[index] = at;
  }

  #moveNested(): void {
    const nested = this.nested as (View | undefined)[];
    for (let i = 0; i < nested.length; i++) {
      nested[i]?.at(this.offset + (this.nestedOffsets?.[i] as number), this.bytes);
    }
  }
}

const dataViews = new WeakMap<Uint8Array, DataView>();

/** One DataView a byte array, so that pointing many views at one memory makes one DataView. */
function dataViewOf(bytes: Uint8Array): DataView {
  let view = dataViews.get(bytes);
  if (view === undefined) {
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    dataViews.set(bytes, view);
  }
  return view;
}
