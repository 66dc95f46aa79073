import type { LogicalUnit } from "./logical-unit.ts";

/** A mode page, or a subpage of one. */
export interface ModePage {
  readonly code: number;
  /** 0 for the page itself. */
  readonly subpage: number;
  /** The whole page with its head, with the values that it has until someone changes them. */
  encode(unit: LogicalUnit): Uint8Array;
  /** Which bits MODE SELECT may change, in the page's own places. None where it is absent. */
  changeable?(unit: LogicalUnit): Uint8Array;
  /** The first byte whose value is none that the page can have, or -1. */
  check?(page: Uint8Array): number;
  /** Makes the values be kept to. Told to the core at once, if at all. */
  apply?(unit: LogicalUnit, page: Uint8Array): void;
}

/** Where the values of a page begin: behind its head. */
function headLength({ subpage }: ModePage): number {
  return subpage === 0 ? 2 : 4;
}

function keyOf({ code, subpage }: ModePage): string {
  const hex = (value: number) => value.toString(16).padStart(2, "0");
  return `${hex(code)}/${hex(subpage)}`;
}

/** PARAMETERS SAVEABLE, of a page's first byte. */
const PS = 0x80;

/** The values of mode pages that differ, or could differ, from the default ones. */
export class ModeParameters {
  /** By page: what was set last. */
  readonly #set = new Map<string, Uint8Array>();

  current(unit: LogicalUnit, page: ModePage): Uint8Array {
    return merged(unit, page, this.#set.get(keyOf(page)) ?? savedBytes(unit, page));
  }

  saved(unit: LogicalUnit, page: ModePage): Uint8Array {
    return merged(unit, page, savedBytes(unit, page));
  }

  defaults(unit: LogicalUnit, page: ModePage): Uint8Array {
    return merged(unit, page, undefined);
  }

  /** The bits that can be changed, under the page's head. */
  changeable(unit: LogicalUnit, page: ModePage): Uint8Array {
    const bytes = page.encode(unit);
    const mask = page.changeable?.(unit);
    const head = headLength(page);
    for (let i = head; i < bytes.length; i++) bytes[i] = mask?.[i] ?? 0;
    return markSaveable(unit, page, bytes);
  }

  set(unit: LogicalUnit, page: ModePage, bytes: Uint8Array): void {
    page.apply?.(unit, bytes);
    this.#set.set(keyOf(page), bytes.slice());
  }

  /** Saves the current values of `pages`. */
  async save(unit: LogicalUnit, pages: readonly ModePage[]): Promise<void> {
    const changed = pages.filter((page) => page.changeable !== undefined);
    const entries = changed.map((page) => [keyOf(page), this.current(unit, page)]);
    const { modePages } = unit.saved.now;
    await unit.saved.save({ modePages: { ...modePages, ...Object.fromEntries(entries) } });
  }

  /** Makes what has been saved, or the default values, the current ones. */
  reset(unit: LogicalUnit, pages: readonly ModePage[]): void {
    this.#set.clear();
    for (const page of pages) page.apply?.(unit, this.saved(unit, page));
  }
}

function savedBytes(unit: LogicalUnit, page: ModePage): Uint8Array | undefined {
  return unit.saved.now.modePages[keyOf(page)];
}

/** The default values with the bits of `bytes` that can be changed. */
function merged(unit: LogicalUnit, page: ModePage, bytes: Uint8Array | undefined): Uint8Array {
  const result = page.encode(unit);
  const mask = bytes === undefined ? undefined : page.changeable?.(unit);
  if (bytes !== undefined && mask !== undefined && bytes.length === result.length) {
    for (let i = headLength(page); i < result.length; i++) {
      const bits = mask[i] as number;
      result[i] = ((result[i] as number) & ~bits) | ((bytes[i] as number) & bits);
    }
  }
  return markSaveable(unit, page, result);
}

function markSaveable(unit: LogicalUnit, page: ModePage, bytes: Uint8Array): Uint8Array {
  if (unit.saved.possible && page.changeable !== undefined) bytes[0]! |= PS;
  return bytes;
}
