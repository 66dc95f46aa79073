/**
 * Serves one disk in memory by iSCSI, for tests that want a disk that fileio_tgt has no options
 * for. Called and ended as fileio_tgt is:
 *
 *     memory-tgt.ts --iscsi HOST:PORT --size BYTES --options JSON NAME memory
 */
import { parseArgs } from "node:util";

import { createCore } from "../../../src/core/index.ts";
import { disk, type DiskOptions } from "../../../src/sdk/devices/disk/disk.ts";
import {
  loopbackChannel,
  type MemoryStore,
  memoryStore,
  registerDevice,
} from "../../../src/sdk/index.ts";
import type { BlockStore } from "../../../src/sdk/storage/block-store.ts";
import { IscsiServer } from "../../../src/targets/index.ts";

const { values, positionals } = parseArgs({
  options: {
    iscsi: { type: "string" },
    size: { type: "string" },
    options: { type: "string" },
    "write-delay": { type: "string" },
  },
  allowPositionals: true,
});

const name = positionals[0] ?? "disk";
const [host = "", port = ""] = (values.iscsi ?? "").split(":");
const store = memoryStore(Number(values.size));
const delayMs = Number(values["write-delay"] ?? 0);
const core = createCore();
const server = new IscsiServer(core);
const device = await registerDevice(
  loopbackChannel(core),
  name,
  disk(delayMs > 0 ? slowWrites(store, delayMs) : store, {
    name,
    ...(JSON.parse(values.options ?? "{}") as DiskOptions),
  }),
  { report: (code, message) => process.stderr.write(`${code}: ${message}\n`) },
);
const iqn = `iqn.2026-11.io.scst-user:${name}`;
server.export({ iqn, luns: [[0, name]] });
const address = await server.listen({ host, port: Number(port) });
process.stdout.write(`${name}  memory  iscsi://${host}:${address.port}/${iqn}/0\nready\n`);
await new Promise((resolve) => process.once("SIGTERM", resolve));
await server.close();
await device.close();

/** Each write takes its time, as on a disk that turns. */
function slowWrites(fast: MemoryStore, ms: number): BlockStore {
  return {
    name: "slow memory",
    get size() {
      return fast.size;
    },
    readOnly: fast.readOnly,
    read: (buffer, offset) => fast.read(buffer, offset),
    async write(buffer, offset) {
      await new Promise((resolve) => setTimeout(resolve, ms));
      fast.write(buffer, offset);
    },
    trim: (offset, length) => fast.trim(offset, length),
    allocated: (offset, length) => fast.allocated(offset, length),
    flush: () => fast.flush(),
    close: () => fast.close(),
  };
}
