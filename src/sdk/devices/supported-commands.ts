import {
  AllCommandsHeader,
  cdbUsageData,
  type Command,
  COMMAND_SUPPORT,
  CommandDescriptor,
  commandsOf,
  CommandTimeoutsDescriptor,
  OneCommandHeader,
  parsedCommand,
  REPORTING_OPTIONS,
  ReportSupportedOperationCodes,
  SENSE,
} from "../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../handler.ts";
import { checkCondition, type Outcome } from "../outcome.ts";

/** A command that a device has, whether its handler or the core carries it out. */
export interface ReportedCommand {
  readonly command: Command;
  /** Where the handler does not evaluate all that the standard's CDB has. */
  readonly rule?: {
    /** CDB USAGE DATA: a one for every bit that is evaluated, as long as the CDB. */
    readonly usage: Uint8Array;
  };
}

/** What the core carries out itself for every device whose type has the command. */
const CARRIED_OUT_BY_THE_CORE: ReadonlySet<string> = new Set([
  "COMPARE AND WRITE",
  "EXTENDED COPY(LID1)",
  "RECEIVE COPY STATUS(LID1)",
  "RECEIVE COPY DATA(LID1)",
  "RECEIVE COPY OPERATING PARAMETERS",
  "RECEIVE COPY FAILURE DETAILS(LID1)",
  "REPORT LUNS",
  "REPORT TARGET PORT GROUPS",
  "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
]);

/**
 * The commands that the core carries out itself: they do not come to the handler, but initiators
 * can send them, and REPORT SUPPORTED OPERATION CODES should say so. Not SET TARGET PORT GROUPS,
 * which depends on the configuration.
 */
export function coreCommandsOf(deviceType: number): readonly Command[] {
  return commandsOf(deviceType).filter(
    ({ name }) => CARRIED_OUT_BY_THE_CORE.has(name) || /^PERSISTENT RESERVE (IN|OUT), /.test(name),
  );
}

/** A handler's own commands and the core's, by opcode and service action. */
export function withCoreCommands(
  deviceType: number,
  own: readonly ReportedCommand[],
): readonly ReportedCommand[] {
  const rest = coreCommandsOf(deviceType)
    .filter(({ name }) => !own.some(({ command }) => command.name === name))
    .map((command) => ({ command }));
  return [...own, ...rest].sort(
    ({ command: a }, { command: b }) =>
      a.opcode - b.opcode || (a.serviceAction ?? -1) - (b.serviceAction ?? -1),
  );
}

/**
 * Answers REPORT SUPPORTED OPERATION CODES (SPC-5) from a device's table of commands. As over
 * SCST it is the handler's to answer: scst_user can't tell the core which commands there are.
 *
 * @param rows all commands, those of the core included: {@link withCoreCommands}
 */
export function reportSupportedOperationCodes(
  command: ScsiCommand,
  rows: readonly ReportedCommand[],
): Outcome {
  const cdb = ReportSupportedOperationCodes.view(command.cdb);
  const { rctd, reportingOptions, requestedOperationCode: opcode, requestedServiceAction } = cdb;
  if (reportingOptions === REPORTING_OPTIONS.ALL) {
    return command.reply(allCommands(rows, rctd));
  }
  const candidates = rows.filter((row) => row.command.opcode === opcode);
  const hasServiceActions = candidates.some(({ command: { serviceAction } }) => {
    return serviceAction !== undefined;
  });
  switch (reportingOptions) {
    case REPORTING_OPTIONS.ONE:
      // SPC-5, "REPORT SUPPORTED OPERATION CODES command": asked for in the wrong way.
      if (hasServiceActions) return refuseReportingOptions();
      return command.reply(oneCommand(candidates[0], rctd));
    case REPORTING_OPTIONS.ONE_WITH_SERVICE_ACTION:
      if (candidates.length > 0 && !hasServiceActions) return refuseReportingOptions();
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
      return refuseReportingOptions();
  }
}

/** By its most significant bit. */
const refuseReportingOptions = (): Outcome =>
  checkCondition(SENSE.INVALID_FIELD_IN_CDB, { fieldPointer: { inCdb: true, byte: 2, bit: 2 } });

function find(
  candidates: readonly ReportedCommand[],
  serviceAction: number,
): ReportedCommand | undefined {
  return candidates.find(({ command }) => command.serviceAction === serviceAction);
}

function allCommands(rows: readonly ReportedCommand[], timeouts: boolean): Uint8Array {
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

function oneCommand(row: ReportedCommand | undefined, timeouts: boolean): Uint8Array {
  if (row === undefined) return OneCommandHeader.encode({ support: COMMAND_SUPPORT.NOT_SUPPORTED });
  const usage = row.rule?.usage ?? cdbUsageData(row.command);
  const header = OneCommandHeader.encode({
    ctdp: timeouts,
    support: COMMAND_SUPPORT.STANDARD,
    cdbSize: usage.length,
  });
  const parts = [header, usage];
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
