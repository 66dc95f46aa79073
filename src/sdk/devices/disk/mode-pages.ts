import {
  ControlExtensionModePage,
  DisconnectReconnectModePage,
  InformationalExceptionsControlModePage,
  LogicalBlockProvisioningModePage,
  MODE_PAGE,
  ModeSubpageHeader,
  PowerConditionModePage,
  ReadWriteErrorRecoveryModePage,
} from "../../../protocol/scsi/index.ts";
import { pageHead } from "./mode-page-head.ts";
import { cachingPage } from "./mode-page-caching.ts";
import { controlPage } from "./mode-page-control.ts";
import { formatDevicePage, rigidDiskGeometryPage } from "./mode-pages-geometry.ts";
import type { ModePage } from "./mode-parameters.ts";
import type { LogicalUnit } from "./logical-unit.ts";

/** The longest sense data that the core passes on. */
export const SENSE_DATA_LENGTH_MAX = 252;

/** SUBPAGE CODE 01h of page 0Ah. */
const CONTROL_EXTENSION = 0x01;
/** SUBPAGE CODE 02h of page 1Ch. */
const LOGICAL_BLOCK_PROVISIONING = 0x02;

const readWriteErrorRecovery: ModePage = {
  code: MODE_PAGE.READ_WRITE_ERROR_RECOVERY,
  subpage: 0,
  encode: () =>
    ReadWriteErrorRecoveryModePage.encode({
      ...pageHead(MODE_PAGE.READ_WRITE_ERROR_RECOVERY, ReadWriteErrorRecoveryModePage.size),
      awre: true,
      arre: true,
    }),
};

const disconnectReconnect: ModePage = {
  code: MODE_PAGE.DISCONNECT_RECONNECT,
  subpage: 0,
  encode: () =>
    DisconnectReconnectModePage.encode(
      pageHead(MODE_PAGE.DISCONNECT_RECONNECT, DisconnectReconnectModePage.size),
    ),
};

const controlExtension: ModePage = {
  code: MODE_PAGE.CONTROL,
  subpage: CONTROL_EXTENSION,
  encode: () =>
    ControlExtensionModePage.encode({
      ...subpageHead(MODE_PAGE.CONTROL, CONTROL_EXTENSION, ControlExtensionModePage.size),
      maximumSenseDataLength: SENSE_DATA_LENGTH_MAX,
    }),
};

/** There are no timers: power conditions change by START STOP UNIT only. */
const powerCondition: ModePage = {
  code: MODE_PAGE.POWER_CONDITION,
  subpage: 0,
  encode: () =>
    PowerConditionModePage.encode(pageHead(MODE_PAGE.POWER_CONDITION, PowerConditionModePage.size)),
};

/** Nothing is ever predicted: reporting it is disabled. */
const informationalExceptions: ModePage = {
  code: MODE_PAGE.INFORMATIONAL_EXCEPTIONS_CONTROL,
  subpage: 0,
  encode: () =>
    InformationalExceptionsControlModePage.encode({
      ...pageHead(
        MODE_PAGE.INFORMATIONAL_EXCEPTIONS_CONTROL,
        InformationalExceptionsControlModePage.size,
      ),
      dexcpt: true,
    }),
};

/** No threshold is enabled, and none can be. */
const logicalBlockProvisioning: ModePage = {
  code: MODE_PAGE.INFORMATIONAL_EXCEPTIONS_CONTROL,
  subpage: LOGICAL_BLOCK_PROVISIONING,
  encode: () =>
    LogicalBlockProvisioningModePage.encode(
      subpageHead(
        MODE_PAGE.INFORMATIONAL_EXCEPTIONS_CONTROL,
        LOGICAL_BLOCK_PROVISIONING,
        LogicalBlockProvisioningModePage.size,
      ),
    ),
};

const FIXED: readonly ModePage[] = [
  readWriteErrorRecovery,
  disconnectReconnect,
  formatDevicePage,
  rigidDiskGeometryPage,
  cachingPage,
  controlPage,
  controlExtension,
  powerCondition,
  informationalExceptions,
];

/** Ascending, as MODE SENSE returns them. */
export function modePages({ settings }: Pick<LogicalUnit, "settings">): readonly ModePage[] {
  const pages = settings.removable ? FIXED.filter((page) => page !== powerCondition) : FIXED;
  return settings.thinProvisioned ? [...pages, logicalBlockProvisioning] : pages;
}

function subpageHead(pageCode: number, subpageCode: number, size: number) {
  return { spf: true, pageCode, subpageCode, pageLength: size - ModeSubpageHeader.size };
}
