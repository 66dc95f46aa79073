/** A disk behind the whole core: what two initiators see of each other. */
import { describe, expect, test } from "vitest";

import { parseSense } from "../../../../src/protocol/scsi/index.ts";
import { disk } from "../../../../src/sdk/devices/disk/disk.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import type { LocalInitiator } from "../../../../src/targets/local/index.ts";
import { write10 } from "../../../support/cdbs.ts";
import { readyDevice } from "../../../support/device.ts";
import { hex } from "../fake-command.ts";

const TUR = [0, 0, 0, 0, 0, 0];

async function send(initiator: LocalInitiator, cdb: readonly number[], dataOut?: Uint8Array) {
  const request = dataOut === undefined ? { cdb } : { cdb, dataOut };
  const { status, sense } = await initiator.execute(request);
  if (status === 0) return "GOOD";
  const { key, asc, ascq, descriptorFormat } = parseSense(sense);
  const codes = [key, asc, ascq].map((value) => value.toString(16).toUpperCase());
  return `${codes.join("/")}${descriptorFormat ? " (descriptors)" : ""}`;
}

async function twoInitiators() {
  const store = memoryStore(4 << 20);
  const fixture = await readyDevice(disk(store));
  const other = fixture.connect("other");
  await send(other, TUR);
  return { store, first: fixture.initiator, other, fixture };
}

const modeSelect = (flags: string) => ({
  cdb: [0x15, 0x10, 0, 0, 16, 0],
  dataOut: hex(`00 00 00 00 0a 0a ${flags} 0000 0000 0000`),
});

describe("a disk and the core", () => {
  test("SWP: the core refuses writes, and the others hear that the mode parameters changed", async () => {
    const { first, other } = await twoInitiators();
    const on = modeSelect("22 10 08 00");
    expect(await send(first, on.cdb, on.dataOut)).toBe("GOOD");
    expect(await send(first, write10(0, 1), new Uint8Array(512))).toBe("7/27/2");
    expect(await send(other, TUR)).toBe("6/2A/1");
    expect(await send(other, write10(0, 1), new Uint8Array(512))).toBe("7/27/2");
    const off = modeSelect("22 10 00 00");
    expect(await send(other, off.cdb, off.dataOut)).toBe("GOOD");
    expect(await send(first, TUR)).toBe("6/2A/1");
    expect(await send(first, write10(0, 1), new Uint8Array(512))).toBe("GOOD");
  });

  test("D_SENSE: sense of the disk and of the core has descriptors", async () => {
    const { first, other } = await twoInitiators();
    const on = modeSelect("26 10 00 00");
    expect(await send(first, on.cdb, on.dataOut)).toBe("GOOD");
    expect(await send(other, TUR)).toBe("6/2A/1 (descriptors)");
    expect(await send(first, write10(0xffff_fff0, 1), new Uint8Array(512))).toBe(
      "5/21/0 (descriptors)",
    );
  });

  test("a MODE SELECT that fails is no news to the others", async () => {
    const { first, other } = await twoInitiators();
    const wrong = modeSelect("22 14 00 00");
    expect(await send(first, wrong.cdb, wrong.dataOut)).toBe("5/26/0");
    expect(await send(other, TUR)).toBe("GOOD");
  });

  test("LOG SELECT: the others hear that log parameters changed", async () => {
    const { first, other } = await twoInitiators();
    expect(await send(first, [0x4c, 2, 0xc0, 0, 0, 0, 0, 0, 0, 0])).toBe("GOOD");
    expect(await send(first, TUR)).toBe("GOOD");
    expect(await send(other, TUR)).toBe("6/2A/2");
  });

  test("a store that grows tells everybody", async () => {
    const { store, first, other } = await twoInitiators();
    store.resize(8 << 20);
    expect(await send(first, TUR)).toBe("6/2A/9");
    expect(await send(other, TUR)).toBe("6/2A/9");
    expect(await send(first, write10(0x3fff, 1), new Uint8Array(512))).toBe("GOOD");
  });

  test("a service action of SANITIZE that there is none of", async () => {
    const { first } = await twoInitiators();
    expect(await send(first, [0x48, 5, 0, 0, 0, 0, 0, 0, 0, 0])).toBe("5/24/0");
  });

  test("WRITE SAME with more than a block", async () => {
    const { first } = await twoInitiators();
    const cdb = [0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    expect(await send(first, cdb, new Uint8Array(1024))).toBe("5/E/3");
    expect(await send(first, cdb, new Uint8Array(512))).toBe("GOOD");
  });

  test("after the device is closed the store's growth is nobody's business", async () => {
    const { store, fixture } = await twoInitiators();
    await fixture.device.close();
    expect(store.onResize).toBeUndefined();
  });
});
