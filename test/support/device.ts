/** A handler registered over the loopback channel, with initiators of a local target. */
import { type Core, createCore } from "../../src/core/index.ts";
import { DEVICE_TYPE } from "../../src/protocol/scsi/index.ts";
import {
  type Channel,
  type DeviceHandler,
  good,
  loopbackChannel,
  type RegisteredDevice,
  registerDevice,
  type ScsiCommand,
} from "../../src/sdk/index.ts";
import { type LocalInitiator, LocalTarget } from "../../src/targets/local/index.ts";
import { FakeClock } from "./fake-clock.ts";

export interface Reported {
  readonly code: string;
  readonly message: string;
  readonly cause: unknown;
}

/** A disk of 512-byte blocks that answers everything with GOOD, changed by `parts`. */
export function handlerOf(parts: Partial<DeviceHandler> = {}): DeviceHandler {
  return { type: DEVICE_TYPE.DISK, blockSize: 512, exec: () => good, ...parts };
}

export interface Fixture {
  readonly core: Core;
  readonly clock: FakeClock;
  readonly target: LocalTarget;
  readonly channel: Channel;
  readonly device: RegisteredDevice;
  readonly reports: readonly Reported[];
  connect(name?: string): LocalInitiator;
}

/** Registers `handler` as LUN 0 of a new target. */
export async function withDevice(handler: DeviceHandler): Promise<Fixture> {
  const clock = new FakeClock();
  const core = createCore({ clock });
  const target = new LocalTarget(core, "target");
  const channel = loopbackChannel(core);
  const reports: Reported[] = [];
  const device = await registerDevice(channel, "disk", handler, {
    report: (code, message, cause) => reports.push({ code, message, cause }),
  });
  target.addLun(0, "disk");
  return {
    core,
    clock,
    target,
    channel,
    device,
    reports,
    connect: (name = "initiator") => target.connect(name),
  };
}

/** The same, and an initiator whose power-on unit attention is gone. */
export async function readyDevice(
  handler: DeviceHandler,
): Promise<Fixture & { initiator: LocalInitiator }> {
  const fixture = await withDevice(handler);
  const initiator = fixture.connect();
  await initiator.execute({ cdb: [0, 0, 0, 0, 0, 0] });
  return { ...fixture, initiator };
}

/** Commands that wait until a test lets them go. */
export class Gate {
  readonly waiting: { command: ScsiCommand; open: () => void; fail: (cause: unknown) => void }[] =
    [];

  /** For `exec`: a promise that is settled by the test. */
  readonly hold = (command: ScsiCommand) =>
    new Promise<typeof good>((resolve, reject) => {
      this.waiting.push({ command, open: () => resolve(good), fail: reject });
    });

  openAll(): void {
    for (const { open } of this.waiting.splice(0)) open();
  }
}
