import {
  AllCommandsHeader,
  type Command,
  COMMAND_SUPPORT,
  CommandDescriptor,
  CommandTimeoutsDescriptor,
  OneCommandHeader,
  parsedCommand,
  REPORTING_OPTIONS,
  ReportSupportedOperationCodes,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";
import type { LogicalUnit, SupportedCommand } from "./logical-unit.ts";
import { invalidFieldInCdb } from "./refusals.ts";

/** REPORT SUPPORTED OPERATION CODES, from the table by which the disk dispatches. */
export function reportSupportedOperationCodes(unit: LogicalUnit, command: ScsiCommand): Outcome {
  const cdb = ReportSupportedOperationCodes.view(command.cdb);
  const { rctd, reportingOptions, requestedOperationCode: opcode, requestedServiceAction } = cdb;
  if (reportingOptions === REPORTING_OPTIONS.ALL) {
    return command.reply(allCommands(unit.supportedCommands, rctd));
  }
  const candidates = unit.supportedCommands.filter((row) => row.command.opcode === opcode);
  const hasServiceActions = candidates.some(({ command: { serviceAction } }) => {
    return serviceAction !== undefined;
  });
  switch (reportingOptions) {
    case REPORTING_OPTIONS.ONE:
      // SPC-5, "REPORT SUPPORTED OPERATION CODES command": asked for in the wrong way.
      if (hasServiceActions) return invalidFieldInCdb(2, 2);
      return command.reply(oneCommand(candidates[0], rctd));
    case REPORTING_OPTIONS.ONE_WITH_SERVICE_ACTION:
      if (candidates.length > 0 && !hasServiceActions) return invalidFieldInCdb(2, 2);
      return command.reply(oneCommand(find(candidates, requestedServiceAction), rctd));
    case REPORTING_OPTIONS.ONE_WITH_OPTIONAL_SERVICE_ACTION:
      return command.reply(
        oneCommand(
          hasServiceActions
            ? find(candidates, requestedServiceAction)
            : requestedServiceAction === 0
              ? candidates[0]
              : undefined,
          rctd,
        ),
      );
    default:
      return invalidFieldInCdb(2, 2);
  }
}

function find(
  candidates: readonly SupportedCommand[],
  serviceAction: number,
): SupportedCommand | undefined {
  return candidates.find(({ command }) => command.serviceAction === serviceAction);
}

function allCommands(rows: readonly SupportedCommand[], timeouts: boolean): Uint8Array {
  const parts = rows.flatMap(({ command }) => {
    const descriptor = CommandDescriptor.encode({
      operationCode: command.opcode,
      serviceAction: command.serviceAction ?? 0,
      ctdp: timeouts,
      servactv: command.serviceAction !== undefined,
      cdbLength: command.cdbLength,
    });
    return timeouts ? [descriptor, timeoutsOf(command)] : [descriptor];
  });
  const data = Buffer.concat([new Uint8Array(AllCommandsHeader.size), ...parts]);
  AllCommandsHeader.view(data).commandDataLength = data.length - AllCommandsHeader.size;
  return data;
}

function oneCommand(row: SupportedCommand | undefined, timeouts: boolean): Uint8Array {
  if (row === undefined) return OneCommandHeader.encode({ support: COMMAND_SUPPORT.NOT_SUPPORTED });
  const header = OneCommandHeader.encode({
    ctdp: timeouts,
    support: COMMAND_SUPPORT.STANDARD,
    cdbSize: row.rule.usage.length,
  });
  const parts = [header, row.rule.usage];
  return Buffer.concat(timeouts ? [...parts, timeoutsOf(row.command)] : parts);
}

/** The nominal time is not known; what the core allows is the recommendation. */
function timeoutsOf(command: Command): Uint8Array {
  const parsed = parsedCommand();
  command.parse(new Uint8Array(command.cdbLength), 512, parsed);
  return CommandTimeoutsDescriptor.encode({
    descriptorLength: CommandTimeoutsDescriptor.size - 2,
    recommendedCommandTimeout: parsed.timeoutSeconds,
  });
}
