import type { Command, DataBuffer } from "../../src/core/index.ts";
import { TestDriver } from "./bench.ts";

/**
 * A target driver that must map each buffer before it uses it, as RDMA does: at once, or when the
 * test says so. It throws where it would have used one that is not mapped.
 */
export class MappingDriver extends TestDriver {
  hold = false;
  works = true;
  readonly mapped = new Set<DataBuffer>();
  readonly held: (() => void)[] = [];
  maps = 0;

  registerBuffer(buffer: DataBuffer, done: (registered: boolean) => void): void {
    if (this.mapped.has(buffer)) throw new Error("the buffer is mapped already");
    this.maps++;
    this.#soon(() => {
      if (this.works) this.mapped.add(buffer);
      done(this.works);
    });
  }

  unregisterBuffer(buffer: DataBuffer, done: () => void): void {
    if (!this.mapped.delete(buffer)) throw new Error("the buffer is not mapped");
    this.#soon(done);
  }

  #soon(act: () => void): void {
    if (this.hold) this.held.push(act);
    else act();
  }

  override readyToTransfer(command: Command): void {
    this.#use(command);
    super.readyToTransfer(command);
  }

  override sendResponse(command: Command): void {
    if (command.responseLength > 0 && !command.aborted) this.#use(command);
    super.sendResponse(command);
  }

  #use({ buffer }: Command): void {
    if (buffer === undefined || this.mapped.has(buffer)) return;
    throw new Error("the driver is to use a buffer that is not mapped");
  }

  letGo(): void {
    for (const act of this.held.splice(0)) act();
  }
}
