import { ControlModePage, MODE_PAGE } from "../../../protocol/scsi/index.ts";
import { pageHead } from "./mode-page-head.ts";
import type { ModePage } from "./mode-parameters.ts";

/** QERR 2 is reserved. */
const QERR_RESERVED = 2;
/** QUEUE ALGORITHM MODIFIER: 0 restricted, 1 unrestricted; others are not known. */
const QUEUE_ALGORITHM_MAX = 1;

/**
 * The core keeps to it. TST cannot be changed: commands that are under way have their task set.
 */
export const controlPage: ModePage = {
  code: MODE_PAGE.CONTROL,
  subpage: 0,
  encode: ({ defaultControl: bits }) =>
    ControlModePage.encode({
      ...pageHead(MODE_PAGE.CONTROL, ControlModePage.size),
      tst: bits.taskSetType,
      tmfOnly: bits.taskManagementFunctionsOnly,
      dSense: bits.descriptorSense,
      // There are no log parameters that could be saved.
      gltsd: true,
      queueAlgorithmModifier: bits.queueAlgorithm,
      qerr: bits.queueErrorManagement,
      swp: bits.softwareWriteProtect,
      tas: bits.taskAbortedStatus,
    }),
  changeable: () =>
    ControlModePage.encode({
      tmfOnly: true,
      dSense: true,
      queueAlgorithmModifier: 0x0f,
      qerr: 0x03,
      swp: true,
      tas: true,
    }),
  check(page) {
    const { qerr, queueAlgorithmModifier } = ControlModePage.view(page);
    const wrong = qerr === QERR_RESERVED || queueAlgorithmModifier > QUEUE_ALGORITHM_MAX;
    return wrong ? ControlModePage.offsetOf("qerr") : -1;
  },
  apply({ control }, page) {
    const view = ControlModePage.view(page);
    control.set({
      taskManagementFunctionsOnly: view.tmfOnly,
      descriptorSense: view.dSense,
      queueAlgorithm: view.queueAlgorithmModifier === 0 ? 0 : 1,
      queueErrorManagement: view.qerr === 1 ? 1 : view.qerr === 3 ? 3 : 0,
      softwareWriteProtect: view.swp,
      taskAbortedStatus: view.tas,
    });
  },
};
