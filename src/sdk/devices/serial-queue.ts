import type { MaybePromise } from "../handler.ts";

/**
 * Does one thing after the other, in the order of asking: what can be done at once is, as long
 * as nothing before it is under way.
 */
export class SerialQueue {
  #last: Promise<unknown> | undefined;

  run<T>(work: () => MaybePromise<T>): MaybePromise<T> {
    if (this.#last !== undefined) return this.#follow(this.#last.then(work));
    const result = work();
    return result instanceof Promise ? this.#follow(result) : result;
  }

  #follow<T>(result: Promise<T>): Promise<T> {
    const ended = result
      .catch(() => undefined)
      .then(() => {
        if (this.#last === ended) this.#last = undefined;
      });
    this.#last = ended;
    return result;
  }
}
