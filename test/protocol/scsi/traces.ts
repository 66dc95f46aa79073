/** The recordings of the real SCST, with the commands that it handed to its handler. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ScstUserGetCmd } from "../../../src/protocol/scst/index.ts";

const folder = join(import.meta.dirname, "../../fixtures/scst-abi/traces");

interface UserRecord {
  readonly kind: string;
  readonly subcode?: string;
  readonly bytes?: string;
}

interface Step {
  readonly cdb?: string;
  readonly dataInLength?: number;
  readonly user?: readonly UserRecord[];
}

interface Trace {
  readonly before: readonly UserRecord[];
  readonly steps: readonly Step[];
  readonly after: readonly UserRecord[];
}

export interface HandedOut {
  readonly trace: string;
  readonly blockSize: number;
  readonly subcode: string;
  /** The initiator's data-in buffer, where the step says it. */
  readonly expectedLength: number | undefined;
  readonly message: ReturnType<typeof ScstUserGetCmd.view>;
}

/** Every message of the given subcodes in every trace. */
export function handedOut(...subcodes: readonly string[]): HandedOut[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .flatMap((file) => ofTrace(file))
    .filter(({ subcode }) => subcodes.includes(subcode));
}

function ofTrace(file: string): HandedOut[] {
  const trace = JSON.parse(readFileSync(join(folder, file), "utf8")) as Trace;
  const blockSize = file === "basic-4k.json" ? 4096 : 512;
  const records = [
    ...trace.before.map((record) => ({ record, expectedLength: undefined })),
    ...trace.steps.flatMap(({ user = [], dataInLength }) =>
      user.map((record) => ({ record, expectedLength: dataInLength })),
    ),
    ...trace.after.map((record) => ({ record, expectedLength: undefined })),
  ];
  return records
    .filter(({ record }) => record.kind === "get" && record.bytes !== undefined)
    .map(({ record, expectedLength }) => ({
      trace: file.replace(".json", ""),
      blockSize,
      subcode: record.subcode ?? "",
      expectedLength,
      message: ScstUserGetCmd.view(padded(record.bytes ?? "")),
    }));
}

function padded(text: string): Uint8Array {
  const bytes = new Uint8Array(ScstUserGetCmd.size);
  bytes.set(hex(text));
  return bytes;
}

export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll(/\s/g, "").match(/../g) ?? [], (pair) =>
    Number.parseInt(pair, 16),
  );
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
