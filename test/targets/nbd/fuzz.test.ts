import { describe, expect, test } from "vitest";
import { BASE_ALLOCATION, CommandType, OptionType } from "../../../src/protocol/nbd/index.ts";
import {
  infoRequest,
  metaQuery,
  type Mode,
  pattern,
  settled,
  type TestNbdClient,
  TestNbdServer,
} from "./support/client.ts";
import { ThinDevice } from "./support/thin-device.ts";

/** `NBD_FUZZ_COUNT=1000000` for the long run. */
const MESSAGE_COUNT = Number(process.env["NBD_FUZZ_COUNT"] ?? 10_000);
const TIMEOUT_MS = 180_000 + MESSAGE_COUNT * 5;
const SIZE = 16_384 * 512;

/** The same numbers every time (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

type Random = (below: number) => number;

function goodOption(client: TestNbdClient, pick: Random): Uint8Array {
  const name = ["disk", "", "good", "other"][pick(4)]!;
  const options = Object.values(OptionType);
  switch (pick(6)) {
    case 0:
      return client.option(OptionType.info, infoRequest(name, [pick(5), pick(5)]));
    case 1:
      return client.option(OptionType.structuredReply);
    case 2:
      return client.option(OptionType.setMetaContext, metaQuery(name, [BASE_ALLOCATION]));
    case 3:
      return client.option(OptionType.listMetaContext, metaQuery(name, ["base:", "x:"]));
    case 4:
      return client.option(options[pick(options.length)]!, new Uint8Array(pick(20)));
    default:
      return client.option(pick(20) === 0 ? OptionType.abort : OptionType.list);
  }
}

function goodRequest(client: TestNbdClient, pick: Random): Uint8Array {
  const type = pick(9);
  if (type === CommandType.disc && pick(20) > 0) return client.request({ type: CommandType.flush });
  const length = 512 * (1 + pick(pick(10) === 0 ? 600 : 16));
  const offset = 512 * pick(16_500);
  const flags = pick(3) === 0 ? pick(64) : 0;
  if (type === CommandType.flush) return client.request({ type, flags });
  if (type !== CommandType.write) return client.request({ type, flags, offset, length });
  return client.request({ type, flags: flags & 1, offset, data: pattern(length) });
}

/** Turns some bytes, mostly of the header; lengths seldom: a wrong one takes what follows along. */
function mutate(message: Uint8Array, pick: Random, headerLength: number): Uint8Array {
  for (let i = pick(4); i > 0; i--) {
    const header = pick(4) > 0;
    const at = pick(header ? Math.min(headerLength, message.length) : message.length);
    if (header && at < 4 && pick(8) > 0) continue;
    message[at] = pick(256);
  }
  return pick(50) === 0 ? message.subarray(0, pick(message.length)) : message;
}

function fuzzed(client: TestNbdClient, pick: Random, mode: Mode | undefined): Uint8Array {
  if (pick(40) === 0) return Uint8Array.from({ length: pick(200) }, () => pick(256));
  const message = mode === undefined ? goodOption(client, pick) : goodRequest(client, pick);
  return pick(10) < 4 ? mutate(message, pick, mode === undefined ? 16 : 28) : message;
}

/** A client that must not notice anything of its neighbour. */
class GoodClient {
  readonly #client: TestNbdClient;
  readonly #disk: ThinDevice;
  #round = 0;

  private constructor(client: TestNbdClient, disk: ThinDevice) {
    this.#client = client;
    this.#disk = disk;
  }

  static async open(server: TestNbdServer): Promise<GoodClient> {
    const disk = new ThinDevice("good");
    server.core.addDevice(disk);
    server.server.target.addLun(1, disk);
    return new GoodClient(await server.connect().open("simple", "good"), disk);
  }

  work(): void {
    const data = pattern(4096, this.#round++);
    this.#client.send(
      this.#client.request({ type: CommandType.write, offset: 4096, data }),
      this.#client.request({ type: CommandType.read, offset: 4096, length: 4096 }),
    );
    const [written, read] = this.#client.replies();
    expect([written?.error, read?.error]).toEqual([0, 0]);
    expect(Buffer.compare(read!.data, data)).toBe(0);
    expect(this.#disk.bufferCount).toBe(0);
  }

  leave(): void {
    this.#client.send(this.#client.request({ type: CommandType.disc }));
  }
}

describe(`${MESSAGE_COUNT} messages`, () => {
  test.each([
    ["in the handshake", 1, undefined],
    ["with simple replies", 2, "simple"],
    ["with structured replies", 3, "structured"],
    ["with extended headers", 4, "extended"],
  ] as const)("random and mutated %s", { timeout: TIMEOUT_MS }, async (_what, seed, mode) => {
    const server = new TestNbdServer();
    const good = await GoodClient.open(server);
    const pick = random(seed);
    const { disk } = server;
    let client: TestNbdClient | undefined;
    let connectionCount = 0;
    for (let count = 0; count < MESSAGE_COUNT; count++) {
      if (client === undefined || client.transport.closed || client.transport.ended) {
        disk.holdBuffers = false;
        disk.holdExecution = false;
        disk.giveBuffers();
        disk.execute();
        await settled();
        client = server.connect();
        connectionCount++;
        if (mode === undefined) client.greet(pick(20) === 0 ? pick(8) : 3);
        else await client.open(mode);
        client.chunkLength = [20, 100, 1000, 100_000][pick(4)]!;
      }
      client.send(fuzzed(client, pick, mode));
      client.transport.take();
      if (mode === undefined) await settled();
      disk.holdBuffers = pick(8) === 0;
      disk.holdExecution = pick(8) === 0;
      if (pick(4) === 0) disk.giveBuffers();
      if (pick(4) === 0) disk.execute();
      if (pick(200) === 0) client.transport.destroy();
      if (count % 100 === 0) {
        server.advance(100);
        good.work();
        // A request whose announced payload is long would swallow all that follows.
        if (count % 1000 === 0) client.transport.destroy();
      }
    }
    client?.transport.destroy();
    for (let i = 0; i < 3; i++) {
      await settled();
      disk.holdBuffers = false;
      disk.holdExecution = false;
      disk.giveBuffers();
      disk.execute();
    }
    await settled();

    expect(server.log.filter(({ level }) => level === "error")).toEqual([]);
    expect(connectionCount).toBeGreaterThan(10);
    good.work();
    expect(server.server.connectionCount).toBe(1);
    expect([...server.server.target.sessions]).toHaveLength(1);
    expect(disk.bufferCount).toBe(0);
    expect(disk.medium.length).toBe(SIZE);
    good.leave();
    await settled();
    expect(server.server.connectionCount).toBe(0);
    expect(server.timerCount).toBe(0);
  });
});
