/** The handler of each thread of ends.mjs. */
import { disk, memoryStore } from "scst-user";

export const makeHandler = () => disk(memoryStore(16 * 1024 * 1024), { name: "ends" });
