import { CachingModePage, MODE_PAGE } from "../../../protocol/scsi/index.ts";
import { pageHead } from "./mode-page-head.ts";
import type { ModePage } from "./mode-parameters.ts";

/** The page cache reads ahead as it likes. */
const PREFETCH = {
  disablePrefetchTransferLength: 0xffff,
  maximumPrefetch: 0xffff,
  maximumPrefetchCeiling: 0xffff,
};

/**
 * WCE is kept to; DRA is only remembered, since it says what the cache need not do. Whoever sets
 * WCE to zero sees to it that what is in the cache goes out.
 */
export const cachingPage: ModePage = {
  code: MODE_PAGE.CACHING,
  subpage: 0,
  encode: (unit) =>
    CachingModePage.encode({
      ...pageHead(MODE_PAGE.CACHING, CachingModePage.size),
      ...PREFETCH,
      wce: unit.writeCacheChangeable,
    }),
  changeable: (unit) => CachingModePage.encode({ wce: unit.writeCacheChangeable, dra: true }),
  apply(unit, page) {
    unit.writeCacheEnabled = CachingModePage.view(page).wce;
  },
};
