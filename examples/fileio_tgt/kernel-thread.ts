/** The handler of one of the threads that serve a disk. */
import type { HandlerFactory } from "scst-user";

import { type KernelDiskSettings, oneOfSeveral, openDisk } from "./kernel-disk.ts";

/** What the threads are told when the file may have grown. */
export const LOOK = "look";

export const makeHandler: HandlerFactory = async (context) => {
  const settings = context.data as KernelDiskSettings;
  const { handler, file } = await openDisk(settings);
  context.onTold((message) => {
    if (message === LOOK) file?.refreshSize();
  });
  return settings.isOneOfSeveral ? oneOfSeveral(handler) : handler;
};
