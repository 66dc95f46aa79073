import {
  ELEMENT_TYPE,
  SEND_ACTION,
  SENSE,
  SendVolumeTag,
  SendVolumeTagParameters,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import { invalidFieldInCdb } from "../refusals.ts";
import type { ChangerUnit } from "./changer-unit.ts";
import type { Element } from "./element.ts";

/**
 * SEND VOLUME TAG: looks for barcodes. They are what they are: to assert, replace or undefine one
 * is refused.
 */
export function sendVolumeTag(unit: ChangerUnit, command: ScsiCommand): Outcome {
  const cdb = SendVolumeTag.view(command.cdb);
  const { elementTypeCode: type, elementAddress, sendActionCode: actionCode } = cdb;
  if (type > ELEMENT_TYPE.DATA_TRANSFER) return invalidFieldInCdb(1, 3);
  if (!TRANSLATES.includes(actionCode)) return invalidFieldInCdb(5, 4);
  unit.searches.delete(command.session);
  if (cdb.parameterListLength !== SendVolumeTagParameters.size) return LIST_LENGTH;
  if (command.buffer.length < SendVolumeTagParameters.size) return LIST_LENGTH;
  const list = SendVolumeTagParameters.view(command.buffer);
  const matches = templateOf(list.volumeIdentificationTemplate);
  const anySequence = (actionCode & ANY_SEQUENCE) !== 0;
  // Volumes have no sequence numbers: theirs is zero, and there are no alternate tags.
  const possible =
    (anySequence || list.minimumVolumeSequenceNumber === 0) &&
    (actionCode & ~ANY_SEQUENCE) !== SEND_ACTION.TRANSLATE_ALTERNATE;
  const found = ({ medium, ...element }: Element) =>
    (type === ELEMENT_TYPE.ALL || element.type === type) &&
    element.address >= elementAddress &&
    medium !== undefined &&
    matches(medium.barcode);
  const { elements, changeCount } = unit.library;
  unit.searches.set(command.session, {
    actionCode,
    elements: possible ? elements.filter(found) : [],
    changeCount,
  });
  return good;
}

const TRANSLATES: readonly number[] = Object.values(SEND_ACTION);
const ANY_SEQUENCE = 0x04;
const LIST_LENGTH = checkCondition(SENSE.PARAMETER_LIST_LENGTH_ERROR);

/** `*`: any characters, `?`: one. Linear in the text for each star: no expression to explode. */
export function templateOf(template: string): (text: string) => boolean {
  const pattern = template.trimEnd();
  return (text) => {
    let at = 0;
    let star = -1;
    let resume = 0;
    for (let i = 0; i < text.length;) {
      if (at < pattern.length && (pattern[at] === "?" || pattern[at] === text[i])) {
        at++;
        i++;
      } else if (pattern[at] === "*") {
        star = at++;
        resume = i;
      } else if (star >= 0) {
        at = star + 1;
        i = ++resume;
      } else {
        return false;
      }
    }
    while (pattern[at] === "*") at++;
    return at === pattern.length;
  };
}
