import {
  IDENTIFYING_INFORMATION,
  IdentifyingInformationDescriptor,
  ReportIdentifyingInformation,
  ReportIdentifyingInformationHeader,
  SENSE,
  SetIdentifyingInformation,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { invalidFieldInCdb, invalidFieldInParameterList } from "../refusals.ts";

/** The longest information of each type that is kept, by IDENTIFYING INFORMATION TYPE. */
const LENGTHS_MAX: ReadonlyMap<number, number> = new Map([
  [IDENTIFYING_INFORMATION.PERIPHERAL_DEVICE, 512],
  [IDENTIFYING_INFORMATION.TEXT, 256],
]);

const TYPE_BYTE = 10;

export function reportIdentifyingInformation(unit: LogicalUnit, command: ScsiCommand): Outcome {
  const { identifyingInformationType: type } = ReportIdentifyingInformation.view(command.cdb);
  if (type === IDENTIFYING_INFORMATION.SUPPORTED) return command.reply(withHead(supportedTypes()));
  if (!LENGTHS_MAX.has(type)) return invalidFieldInCdb(TYPE_BYTE, 7);
  return command.reply(withHead(unit.saved.now.identifyingInformation[type] ?? nothing));
}

/** The information is saved before the command ends; a list of no bytes takes it away. */
export async function setIdentifyingInformation(
  unit: LogicalUnit,
  command: ScsiCommand,
): Promise<Outcome> {
  const cdb = SetIdentifyingInformation.view(command.cdb);
  const { identifyingInformationType: type, parameterListLength } = cdb;
  const lengthMax = LENGTHS_MAX.get(type);
  if (lengthMax === undefined) return invalidFieldInCdb(TYPE_BYTE, 7);
  if (parameterListLength > lengthMax) return invalidFieldInCdb(6);
  const information = command.buffer.slice(0, parameterListLength);
  if (information.length < parameterListLength) {
    return checkCondition(SENSE.PARAMETER_LIST_LENGTH_ERROR);
  }
  // SPC-5, "SET IDENTIFYING INFORMATION command": text ends with a null character.
  const isText = type === IDENTIFYING_INFORMATION.TEXT;
  if (isText && information.length > 0 && information.at(-1) !== 0) {
    return invalidFieldInParameterList(information.length - 1);
  }
  const { identifyingInformation } = unit.saved.now;
  await unit.saved.save({
    identifyingInformation: { ...identifyingInformation, [type]: information },
  });
  return good;
}

function supportedTypes(): Uint8Array {
  return Buffer.concat(
    [...LENGTHS_MAX].map(([type, length]) =>
      IdentifyingInformationDescriptor.encode({
        identifyingInformationType: type,
        maximumIdentifyingInformationLength: length,
      }),
    ),
  );
}

function withHead(information: Uint8Array): Uint8Array {
  const head = ReportIdentifyingInformationHeader.encode({
    identifyingInformationLength: information.length,
  });
  return Buffer.concat([head, information]);
}

const nothing = new Uint8Array(0);
