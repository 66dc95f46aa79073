import { Orwrite16 } from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { good, type Outcome } from "../../outcome.ts";
import type { LogicalUnit, SupportedCommand } from "./logical-unit.ts";
import { put, refuseWrite } from "./read-write.ts";
import { invalidFieldInCdb, readFailed, soleBlock } from "../refusals.ts";

/**
 * ORWRITE(16): the blocks become what they were or what is sent. The core lets no other command
 * at the blocks meanwhile.
 */
export function orwrite16(
  unit: LogicalUnit,
  command: ScsiCommand,
  row: SupportedCommand,
): MaybePromise<Outcome> {
  const refusal = refuseWrite(unit, command, row);
  if (refusal !== undefined) return refusal;
  const { lba, dataLength, buffer } = command;
  if (dataLength === 0) return good;
  // The initiator sent less than the CDB says.
  if (buffer.length < dataLength) return invalidFieldInCdb(10);
  const durable = unit.mustBeDurable(Orwrite16.view(command.cdb).fua);
  unit.counters.writeCommands++;
  unit.counters.writtenBlocks += dataLength / unit.blockSize;
  const found = new Uint8Array(dataLength);
  const orAndWrite = (): MaybePromise<Outcome> => {
    for (let i = 0; i < found.length; i++) found[i] = (found[i] as number) | (buffer[i] as number);
    return put(unit, found, lba, durable);
  };
  const failed = (error: unknown): Outcome => readFailed(error, soleBlock(unit, lba, dataLength));
  try {
    const done = unit.store.read(found, lba * unit.blockSize);
    return done === undefined ? orAndWrite() : done.then(orAndWrite, failed);
  } catch (error) {
    return failed(error);
  }
}
