/** The buffer pool that a handler's registration asks for. */
import { describe, expect, test } from "vitest";
import { createCore } from "../../../src/core/index.ts";
import { loopbackChannel, registerDevice } from "../../../src/sdk/index.ts";
import { Arena, LoopbackSource } from "../../../src/sdk/memory/arena.ts";
import { LocalTarget } from "../../../src/targets/local/index.ts";
import { read10 } from "../../support/cdbs.ts";
import { handlerOf } from "../../support/device.ts";
import { FakeClock } from "../../support/fake-clock.ts";

describe("bufferPool", () => {
  test("of one size, purged when it is asked to", async () => {
    const clock = new FakeClock();
    const core = createCore({ clock });
    await registerDevice(loopbackChannel(core), "disk", handlerOf(), {
      bufferPool: { name: "pages", singlePages: 2, purgeIntervalSeconds: 5 },
    });
    const target = new LocalTarget(core, "target");
    target.addLun(0, "disk");
    const initiator = target.connect("i");
    for (let i = 0; i < 2; i++) {
      await initiator.execute({ cdb: read10(0, 1), dataInLength: 512 });
    }
    expect([...core.bufferPools.statistics()]).toMatchObject([
      { name: "pages", cachedBytes: 8192 },
    ]);
    clock.advance(10_000);
    expect([...core.bufferPools.statistics()]).toMatchObject([{ name: "pages", cachedBytes: 0 }]);
  });

  test("shared by devices that have one arena", async () => {
    const core = createCore({ clock: new FakeClock() });
    const arena = new Arena(new LoopbackSource());
    const bufferPool = { name: "pool", shared: true };
    const target = new LocalTarget(core, "target");
    for (const [lun, name] of ["a", "b"].entries()) {
      await registerDevice(loopbackChannel(core, arena), name, handlerOf(), { bufferPool });
      target.addLun(lun, name);
    }
    const initiator = target.connect("i");
    for (const lun of [0, 1]) {
      await initiator.execute({ cdb: [0, 0, 0, 0, 0, 0], lun });
      const { status } = await initiator.execute({ cdb: read10(0, 1), dataInLength: 512, lun });
      expect(status).toBe(0);
    }
    expect([...core.bufferPools.statistics()]).toMatchObject([{ name: "pool", total: 2, hits: 1 }]);
    await expect(
      registerDevice(loopbackChannel(core), "c", handlerOf(), { bufferPool }),
    ).rejects.toMatchObject({ code: "ENOMEM" });
  });
});
