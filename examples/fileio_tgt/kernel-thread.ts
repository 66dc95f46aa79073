/** The handler of one of the threads that serve a disk. */
import type { HandlerFactory } from "scst-user";

import { type KernelDiskSettings, oneOfSeveral, openDisk } from "./kernel-disk.ts";

/** What the threads are told when the file may have grown. */
export const LOOK = "look";

export const makeHandler: HandlerFactory = async (context) => {
  const { handler, file } = await openDisk(context.data as KernelDiskSettings);
  context.onTold((message) => {
    if (message === LOOK) file?.refreshSize();
  });
  return oneOfSeveral(handler);
};
