/** Registers a device, gives it to initiators now and then, and closes it, a hundred times. */
import {
  disk,
  exportFromKernel,
  exportPlace,
  kernelChannel,
  memoryStore,
  registerDevice,
} from "scst-user";

const TIMES = 100;
const MEMORY_BYTES_MAX = 300_000_000;

for (let i = 0; i < TIMES; i++) {
  const handler = disk(memoryStore(1024 * 1024), { name: "again" });
  const device = await registerDevice(kernelChannel(), "again", handler);
  if (i % 10 === 0) {
    const lun = await exportFromKernel("again", exportPlace("scst_local"));
    await lun.remove();
  }
  await device.close();
}
const { rss } = process.memoryUsage();
process.exitCode = rss < MEMORY_BYTES_MAX ? 0 : 1;
console.log(`${TIMES} times, ${Math.round(rss / 1e6)} MB`);
