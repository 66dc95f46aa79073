/** An item of a {@link List}: the links are its own, so that joining a list allocates nothing. */
export interface Linked<Item extends Linked<Item>> {
  previous: Item | undefined;
  next: Item | undefined;
  /** The list that it is in. */
  list: List<Item> | undefined;
}

/** A doubly linked list whose items carry the links. An item is in one list at most. */
export class List<Item extends Linked<Item>> {
  first: Item | undefined = undefined;
  last: Item | undefined = undefined;
  length = 0;

  addLast(item: Item): void {
    item.previous = this.last;
    item.next = undefined;
    if (this.last === undefined) this.first = item;
    else this.last.next = item;
    this.last = item;
    item.list = this;
    this.length++;
  }

  addFirst(item: Item): void {
    item.next = this.first;
    item.previous = undefined;
    if (this.first === undefined) this.last = item;
    else this.first.previous = item;
    this.first = item;
    item.list = this;
    this.length++;
  }

  remove(item: Item): void {
    if (item.previous === undefined) this.first = item.next;
    else item.previous.next = item.next;
    if (item.next === undefined) this.last = item.previous;
    else item.next.previous = item.previous;
    item.previous = undefined;
    item.next = undefined;
    item.list = undefined;
    this.length--;
  }

  takeFirst(): Item | undefined {
    const item = this.first;
    if (item !== undefined) this.remove(item);
    return item;
  }
}
