import { UsageError } from "../../../protocol/errors.ts";
import { ELEMENT_TYPE, SENSE, type SenseCondition } from "../../../protocol/scsi/index.ts";
import type { MaybePromise } from "../../handler.ts";
import type { Cartridge } from "../../storage/cartridge/cartridge.ts";
import { SerialQueue } from "../serial-queue.ts";
import type { CartridgeSlot } from "../tape/tape.ts";
import { type Element, type ElementLayout, elementsOf, type StoredMedium } from "./element.ts";

/** What a library keeps outside of itself: where cartridges stand, and the cartridges. */
export interface LibraryStore {
  /** What {@link save} was last given; undefined for a new library. */
  load(): readonly Placed[] | undefined;
  /** Durable when done; where it throws, what was saved before holds. */
  save(placed: readonly Placed[]): Promise<void>;
  /** Opens a cartridge that goes into a drive. */
  open(barcode: string): Promise<Cartridge>;
}

/** A cartridge in an element. */
export interface Placed extends StoredMedium {
  readonly address: number;
}

/** A drive as a library sees it: {@link tape} makes one. */
export interface LibraryDrive extends CartridgeSlot {
  readonly identity: { readonly vendor: string; readonly product: string; readonly serial: string };
}

/** Something the picker is to do: a cartridge from one element to another. */
export interface Step {
  readonly from: Element;
  readonly to: Element;
}

/** Told of what an operator did, and of cartridges that can't be used. */
export interface LibraryListener {
  /** Import/export elements, or others, were accessed: initiators get this condition. */
  accessed(condition: SenseCondition): void;
  faulty(element: Element, cause: unknown): void;
}

export interface LibraryOptions {
  readonly layout: ElementLayout;
  readonly store: LibraryStore;
}

/**
 * Slots, import/export elements, drives and a picker, and which cartridge stands where. What the
 * store has saved is the truth: a move is saved between the taking and the putting, so that after
 * a crash at any moment each cartridge is in exactly one element.
 *
 * Refusals that initiators may cause are values, the sense condition; operators read its name.
 */
export class Library {
  readonly layout: ElementLayout;
  /** By ascending address. */
  readonly elements: readonly Element[];
  /** Who forbids operators the import/export elements. */
  readonly preventing = new Set<object>();
  /** Changes with every move: what was found out before may not hold. */
  changeCount = 0;
  listener: LibraryListener | undefined;
  readonly #store: LibraryStore;
  readonly #byAddress: ReadonlyMap<number, Element>;
  readonly #drives = new Map<Element, LibraryDrive>();
  readonly #queue = new SerialQueue();

  /** @throws UsageError LIBRARY_ELEMENTS, LIBRARY_INVENTORY */
  constructor({ layout, store }: LibraryOptions) {
    this.layout = layout;
    this.#store = store;
    this.elements = elementsOf(layout);
    this.#byAddress = new Map(this.elements.map((element) => [element.address, element]));
    const barcodes = new Set<string>();
    for (const { address, ...medium } of store.load() ?? []) {
      const element = this.#byAddress.get(address);
      if (element === undefined || element.medium !== undefined || barcodes.has(medium.barcode)) {
        throw new UsageError(
          "LIBRARY_INVENTORY",
          `cartridge ${medium.barcode} in element ${address}: that can't be`,
        );
      }
      barcodes.add(medium.barcode);
      element.medium = medium;
    }
  }

  at(address: number): Element | undefined {
    return this.#byAddress.get(address);
  }

  find(barcode: string): Element | undefined {
    return this.elements.find(({ medium }) => medium?.barcode === barcode);
  }

  driveAt(element: Element): LibraryDrive | undefined {
    return this.#drives.get(element);
  }

  /** One thing after the other: the picker has one hand. */
  run<T>(work: () => MaybePromise<T>): MaybePromise<T> {
    return this.#queue.run(work);
  }

  /** Gives the library its drives, by ascending address, and them the cartridges they held. */
  async start(drives: readonly LibraryDrive[]): Promise<void> {
    const places = this.elements.filter(({ type }) => type === ELEMENT_TYPE.DATA_TRANSFER);
    if (drives.length !== places.length) {
      throw new UsageError(
        "LIBRARY_DRIVES",
        `${drives.length} drives for ${places.length} elements: each has its own`,
      );
    }
    for (const [index, element] of places.entries()) {
      const drive = drives[index] as LibraryDrive;
      this.#drives.set(element, drive);
      if (element.medium === undefined) continue;
      try {
        await drive.insert(await this.#store.open(element.medium.barcode));
      } catch (cause) {
        this.#fault(element, cause);
      }
    }
  }

  /** MOVE MEDIUM. Call it in {@link run}. */
  async move(from: Element, to: Element): Promise<SenseCondition | undefined> {
    if (from.medium === undefined) return SENSE.MEDIUM_SOURCE_ELEMENT_EMPTY;
    if (to.medium !== undefined) return SENSE.MEDIUM_DESTINATION_ELEMENT_FULL;
    return await this.#carry([{ from, to }]);
  }

  /** EXCHANGE MEDIUM. Call it in {@link run}. */
  async exchange(
    from: Element,
    first: Element,
    second: Element,
  ): Promise<SenseCondition | undefined> {
    if (from.medium === undefined) return SENSE.MEDIUM_SOURCE_ELEMENT_EMPTY;
    if (first.medium === undefined) return SENSE.MEDIUM_SOURCE_ELEMENT_EMPTY;
    if (first === from || first === second) return SENSE.MEDIUM_DESTINATION_ELEMENT_FULL;
    if (second !== from && second.medium !== undefined) {
      return SENSE.MEDIUM_DESTINATION_ELEMENT_FULL;
    }
    return await this.#carry([
      { from, to: first },
      { from: first, to: second },
    ]);
  }

  /** An operator puts a cartridge into an empty element. Call it in {@link run}. */
  async put(element: Element, medium: Pick<StoredMedium, "barcode" | "kind">): Promise<void> {
    if (this.find(medium.barcode) !== undefined) {
      throw new UsageError("CARTRIDGE_THERE", `cartridge ${medium.barcode} is in the library`);
    }
    if (element.medium !== undefined) {
      throw new UsageError("ELEMENT_FULL", `element ${element.address} is not empty`);
    }
    await this.#operate(element, { ...medium, source: undefined, imported: true });
  }

  /** An operator takes a cartridge out. Call it in {@link run}. */
  async take(element: Element): Promise<StoredMedium> {
    const { medium } = element;
    if (medium === undefined) {
      throw new UsageError("ELEMENT_EMPTY", `element ${element.address} is empty`);
    }
    await this.#operate(element, undefined);
    return medium;
  }

  /** Operators reach every element but the drives and the picker. */
  async #operate(element: Element, medium: StoredMedium | undefined): Promise<void> {
    const { type, address } = element;
    const atTheDoor = type === ELEMENT_TYPE.IMPORT_EXPORT;
    if (!atTheDoor && type !== ELEMENT_TYPE.STORAGE) {
      throw new UsageError("ELEMENT_TYPE", `element ${address} is out of an operator's reach`);
    }
    if (this.preventing.size > 0) {
      throw new UsageError("REMOVAL_PREVENTED", "an initiator prevents the removal of media");
    }
    await this.#record(new Map([[element, medium]]));
    this.listener?.accessed(
      atTheDoor ? SENSE.IMPORT_OR_EXPORT_ELEMENT_ACCESSED : SENSE.NOT_READY_TO_READY_CHANGE,
    );
  }

  async #carry(steps: readonly Step[]): Promise<SenseCondition | undefined> {
    for (const { from, to } of steps) {
      if (from.open || to.open) return SENSE.MEDIUM_MAGAZINE_NOT_ACCESSIBLE;
      const drive = this.#drives.get(from);
      if (drive?.removalPrevented === true) return SENSE.MEDIUM_REMOVAL_PREVENTED;
    }
    const hands: (Cartridge | undefined)[] = [];
    for (const step of steps) {
      const taken = await this.#takeUp(step);
      if (taken !== undefined && "asc" in taken) {
        await this.#giveBack(steps, hands);
        return taken;
      }
      hands.push(taken);
    }
    const change = new Map<Element, StoredMedium | undefined>();
    for (const { from } of steps) change.set(from, undefined);
    for (const { from, to } of steps) change.set(to, moved(from));
    try {
      await this.#record(change);
    } catch (error) {
      await this.#giveBack(steps, hands);
      throw error;
    }
    return await this.#putDown(steps, hands);
  }

  /** The cartridge out of a drive, or opened for one; nothing where it only changes its place. */
  async #takeUp({ from, to }: Step): Promise<Cartridge | SenseCondition | undefined> {
    const drive = this.#drives.get(from);
    // A drive whose cartridge couldn't be opened has none.
    if (drive?.cartridge !== undefined) {
      try {
        return await drive.remove();
      } catch (cause) {
        if (cause instanceof UsageError) return SENSE.MEDIUM_REMOVAL_PREVENTED;
        this.#fault(from, cause);
        return SENSE.UNLOAD_TAPE_FAILURE;
      }
    }
    if (!this.#drives.has(to)) return undefined;
    try {
      return await this.#store.open((from.medium as StoredMedium).barcode);
    } catch (cause) {
      this.#fault(from, cause);
      return SENSE.MEDIA_LOAD_OR_EJECT_FAILED;
    }
  }

  async #giveBack(steps: readonly Step[], hands: readonly (Cartridge | undefined)[]) {
    for (const [index, cartridge] of hands.entries()) {
      const { from } = steps[index] as Step;
      await this.#bring(from, cartridge).catch((cause: unknown) => this.#fault(from, cause));
    }
  }

  async #putDown(
    steps: readonly Step[],
    hands: readonly (Cartridge | undefined)[],
  ): Promise<SenseCondition | undefined> {
    let refusal: SenseCondition | undefined;
    for (const [index, cartridge] of hands.entries()) {
      const { to } = steps[index] as Step;
      try {
        await this.#bring(to, cartridge);
      } catch (cause) {
        this.#fault(to, cause);
        refusal = SENSE.MEDIA_LOAD_OR_EJECT_FAILED;
      }
    }
    return refusal;
  }

  async #bring(element: Element, cartridge: Cartridge | undefined): Promise<void> {
    const drive = this.#drives.get(element);
    if (drive === undefined || cartridge === undefined) await cartridge?.close();
    else await drive.insert(cartridge);
  }

  /** Saves that cartridges stand elsewhere; nothing has changed where that fails. */
  async #record(change: ReadonlyMap<Element, StoredMedium | undefined>): Promise<void> {
    const placed = this.elements.flatMap((element) => {
      const medium = change.has(element) ? change.get(element) : element.medium;
      return medium === undefined ? [] : [{ address: element.address, ...medium }];
    });
    await this.#store.save(placed);
    for (const [element, medium] of change) {
      element.medium = medium;
      element.faulty = false;
    }
    this.changeCount += 1;
  }

  #fault(element: Element, cause: unknown): void {
    element.faulty = true;
    this.listener?.faulty(element, cause);
  }
}

function moved({ medium, type, address }: Element): StoredMedium {
  const source = type === ELEMENT_TYPE.STORAGE ? address : medium?.source;
  return { ...(medium as StoredMedium), source, imported: false };
}
