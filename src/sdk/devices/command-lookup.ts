import type { Command } from "../../protocol/scsi/index.ts";
import type { Outcome } from "../outcome.ts";
import { invalidFieldInCdb, invalidOpcode } from "./refusals.ts";

/** An opcode without service actions, or the service actions of one. */
type Entry<Row> = Row | ReadonlyMap<number, Row> | undefined;

/** Finds the row of a command among those that a device has, by opcode and service action. */
export class CommandLookup<Row extends { readonly command: Command }> {
  /** 256 entries, by opcode. */
  readonly #byOpcode: readonly Entry<Row>[];

  constructor(rows: readonly Row[]) {
    this.#byOpcode = Array.from({ length: 256 }, (_, opcode): Entry<Row> => {
      const same = rows.filter((row) => row.command.opcode === opcode);
      const [first] = same;
      if (first === undefined || first.command.serviceAction === undefined) return first;
      return new Map(same.map((row) => [row.command.serviceAction as number, row]));
    });
  }

  /** The row for a CDB, or the refusal. */
  find(cdb: Uint8Array): Row | Outcome {
    const entry = this.#byOpcode[cdb[0] as number];
    if (entry === undefined) return invalidOpcode;
    if (!(entry instanceof Map)) return entry as Row;
    const rows = entry as ReadonlyMap<number, Row>;
    return rows.get((cdb[1] as number) & 0x1f) ?? invalidFieldInCdb(1, 4);
  }
}
