/** What is under way, by generation: to wait for all that began before a moment. */
export class InFlight {
  #count = 0;
  #generation = newGeneration();
  /** Ends when everything of earlier generations has. */
  #earlier: Promise<void> | undefined;

  /** Follows an operation that waits for something. */
  track<T>(operation: Promise<T>): Promise<T> {
    const generation = this.#generation;
    generation.count++;
    this.#count++;
    const over = () => {
      this.#count--;
      generation.count--;
      if (generation.count === 0) generation.empty?.();
    };
    operation.then(over, over);
    return operation;
  }

  /** Waits for what has begun by now; undefined where nothing is under way. */
  drain(): Promise<void> | undefined {
    if (this.#count === 0) return undefined;
    const generation = this.#generation;
    this.#generation = newGeneration();
    const ended = new Promise<void>((resolve) => {
      if (generation.count === 0) resolve();
      else generation.empty = resolve;
    });
    this.#earlier = Promise.all([this.#earlier, ended]).then(() => undefined);
    return this.#earlier;
  }
}

interface Generation {
  count: number;
  empty: (() => void) | undefined;
}

function newGeneration(): Generation {
  return { count: 0, empty: undefined };
}
