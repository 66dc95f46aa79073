/**
 * Buffers that a target driver wants to map before it uses them, as RDMA does: each is registered
 * once, when the first command of that driver has it, and unregistered when it leaves the pool.
 */
import type { Command } from "./command.ts";
import type { Core } from "./core.ts";
import type { DataBuffer } from "./data-buffer.ts";
import type { TargetDriver } from "./target-driver.ts";

/** Goes on with a command whose buffer is registered, or can't be. */
type Resume = (command: Command, registered: boolean) => void;

type State = "pending" | "registered" | "leaving" | "gone";

/** One buffer at one target driver. */
export class Registration {
  readonly registrar: BufferRegistrar;
  readonly buffer: DataBuffer;
  state: State = "pending";
  /** Commands that wait for the driver's word. */
  readonly waiting = new Map<Command, Resume>();
  /** Those who wait for the buffer to be unregistered. */
  readonly leavers: (() => void)[] = [];

  constructor(registrar: BufferRegistrar, buffer: DataBuffer) {
    this.registrar = registrar;
    this.buffer = buffer;
  }
}

/** What is registered with one target driver. */
export class BufferRegistrar {
  readonly #core: Core;
  readonly #driver: TargetDriver;
  readonly #registrations = new Set<Registration>();

  constructor(core: Core, driver: TargetDriver) {
    this.#core = core;
    this.#driver = driver;
  }

  /** How many buffers are registered, or about to be. */
  get size(): number {
    return this.#registrations.size;
  }

  /**
   * False where the driver may use the command's buffer now. Else `resume` is called for the
   * command, perhaps before this returns; not if it has come to its end by then.
   */
  holds(command: Command, resume: Resume): boolean {
    const { buffer } = command;
    if (buffer === undefined) return false;
    const registration = this.#find(buffer) ?? this.#register(buffer);
    switch (registration.state) {
      case "registered":
        return false;
      case "pending":
        registration.waiting.set(command, resume);
        return true;
      default:
        resume(command, false);
        return true;
    }
  }

  #find(buffer: DataBuffer): Registration | undefined {
    const { registrations } = buffer;
    if (registrations === undefined) return undefined;
    for (const each of registrations) if (each.registrar === this) return each;
    return undefined;
  }

  #register(buffer: DataBuffer): Registration {
    const registration = new Registration(this, buffer);
    (buffer.registrations ??= []).push(registration);
    this.#registrations.add(registration);
    this.#driver.registerBuffer?.(buffer, (registered) => {
      if (registration.state === "pending") this.#settle(registration, registered);
    });
    return registration;
  }

  #settle(registration: Registration, registered: boolean): void {
    this.#core.enter();
    try {
      registration.state = registered ? "registered" : "gone";
      if (!registered) this.#remove(registration);
      const waiting = [...registration.waiting];
      registration.waiting.clear();
      for (const [command, resume] of waiting) {
        // One that was aborted meanwhile is another command by now, or none.
        if (command.buffer === registration.buffer) resume(command, registered);
      }
      if (registration.leavers.length > 0 && registration.state === "registered") {
        this.#unregister(registration);
      }
    } finally {
      this.#core.leave();
    }
  }

  /** Calls `done` when the driver has let go of the buffer, perhaps at once. */
  leave(registration: Registration, done: () => void): void {
    registration.leavers.push(done);
    if (registration.state === "registered") this.#unregister(registration);
  }

  #unregister(registration: Registration): void {
    registration.state = "leaving";
    const unregistered = () => {
      if (registration.state !== "leaving") return;
      this.#core.enter();
      try {
        registration.state = "gone";
        this.#remove(registration);
      } finally {
        this.#core.leave();
      }
    };
    if (this.#driver.unregisterBuffer === undefined) unregistered();
    else this.#driver.unregisterBuffer(registration.buffer, unregistered);
  }

  #remove(registration: Registration): void {
    const { buffer } = registration;
    this.#registrations.delete(registration);
    const others = buffer.registrations?.filter((each) => each !== registration) ?? [];
    buffer.registrations = others.length === 0 ? undefined : others;
    for (const done of registration.leavers.splice(0)) done();
  }

  /** The driver has no targets any more. */
  close(): void {
    for (const registration of this.#registrations) this.leave(registration, () => undefined);
  }
}

/** Calls `done` when no target driver has the buffer registered, perhaps at once. */
export function whenUnregistered(buffer: DataBuffer, done: () => void): void {
  const registrations = [...(buffer.registrations ?? [])];
  let waiting = registrations.length + 1;
  const next = () => {
    waiting--;
    if (waiting === 0) done();
  };
  for (const registration of registrations) registration.registrar.leave(registration, next);
  next();
}
