import { ModePageHeader } from "../../../protocol/scsi/index.ts";

/** The head of a page that is `size` bytes long. */
export function pageHead(pageCode: number, size: number) {
  return { pageCode, pageLength: size - ModePageHeader.size };
}
