/** Buffer pools by name, and who may use them. */
import { BufferPool, type PoolStatistics } from "./buffer-pool.ts";
import type { Clock } from "./clock.ts";
import type { BufferOwner } from "./data-buffer.ts";
import type { UserMemory } from "./user-memory.ts";

/** SCST makes a second pool a device, for target drivers that want physically adjacent pages. */
const CLUSTERED_SUFFIX = "-clust";

export interface PoolRequest {
  readonly name: string;
  /** Whether a pool of that name may be one that another device of the program uses, too. */
  readonly shared: boolean;
  /** `sgv_disable_clustered_pool` is not set. */
  readonly clustered: boolean;
  /** All buffers have so many pages; 0: powers of two. */
  readonly singlePages: number;
  /** Negative: never. */
  readonly purgeIntervalMs: number;
  /** The program's memory: addresses mean nothing in another one. */
  readonly memory: UserMemory;
}

interface Named {
  readonly pool: BufferPool;
  readonly memory: UserMemory;
  users: number;
}

/** A device's part in a pool. */
export interface PoolLease {
  readonly pool: BufferPool;
  /** The device is gone: the buffers of `owner` leave; the last device takes the pool along. */
  close(owner?: BufferOwner): void;
}

/** Every pool of a core. */
export class BufferPools {
  readonly #byName = new Map<string, Named>();

  /**
   * A new pool, or for a shared one that there is a part in it. Undefined (ENOMEM, as SCST has
   * it) where the name is taken, by a pool that is not to be shared or is another program's, or
   * where the size is impossible.
   */
  open(request: PoolRequest, clock: Clock): PoolLease | undefined {
    const { name, shared, clustered, memory } = request;
    // Memory is never scattered here, so that both names lead to one pool.
    const names = clustered ? [name, name + CLUSTERED_SUFFIX] : [name];
    const found = names.map((each) => this.#byName.get(each));
    if (found.some((each) => each !== undefined && !(shared && each.memory === memory))) {
      return undefined;
    }
    if (request.singlePages < 0) return undefined;
    const pool = found[0]?.pool ?? poolOf(request, clock);
    for (const [i, each] of names.entries()) {
      const named = found[i];
      if (named === undefined) this.#byName.set(each, { pool, memory, users: 1 });
      else named.users++;
    }
    return { pool, close: (owner) => this.#close(names, pool, owner) };
  }

  #close(names: readonly string[], pool: BufferPool, owner: BufferOwner | undefined): void {
    if (owner !== undefined) pool.forget(owner);
    for (const name of names) {
      const named = this.#byName.get(name) as Named;
      named.users--;
      if (named.users === 0) this.#byName.delete(name);
    }
    for (const named of this.#byName.values()) if (named.pool === pool) return;
    pool.close();
  }

  /** By name, each pool once. */
  *statistics(): Generator<PoolStatistics & { readonly name: string }> {
    const seen = new Set<BufferPool>();
    for (const [name, { pool }] of this.#byName) {
      if (seen.has(pool)) continue;
      seen.add(pool);
      yield { name, ...pool.statistics };
    }
  }
}

/** Each buffer goes back to the handler that it came from, whoever used it last. */
function poolOf({ purgeIntervalMs, singlePages }: PoolRequest, clock: Clock): BufferPool {
  return new BufferPool(
    clock,
    purgeIntervalMs,
    (buffer) => buffer.owner?.bufferReleased(buffer),
    singlePages,
  );
}
