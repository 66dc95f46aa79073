/** Status codes (SAM-5, "Status codes"). */
export const STATUS = {
  GOOD: 0x00,
  CHECK_CONDITION: 0x02,
  CONDITION_MET: 0x04,
  BUSY: 0x08,
  RESERVATION_CONFLICT: 0x18,
  TASK_SET_FULL: 0x28,
  ACA_ACTIVE: 0x30,
  TASK_ABORTED: 0x40,
} as const;

export type Status = (typeof STATUS)[keyof typeof STATUS];

const names = new Map<number, string>(
  Object.entries(STATUS).map(([name, status]) => [status, name.replaceAll("_", " ")]),
);

/** The standard's name of a status, for logs: `"CHECK CONDITION"`, or `"status 7Fh"`. */
export function statusName(status: number): string {
  return names.get(status) ?? `status ${hexByte(status)}`;
}

function hexByte(value: number): string {
  return `${value.toString(16).toUpperCase().padStart(2, "0")}h`;
}
