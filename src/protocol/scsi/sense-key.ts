/** Sense keys (SPC-5, "Sense key"). */
export const SENSE_KEY = {
  NO_SENSE: 0x0,
  RECOVERED_ERROR: 0x1,
  NOT_READY: 0x2,
  MEDIUM_ERROR: 0x3,
  HARDWARE_ERROR: 0x4,
  ILLEGAL_REQUEST: 0x5,
  UNIT_ATTENTION: 0x6,
  DATA_PROTECT: 0x7,
  BLANK_CHECK: 0x8,
  VENDOR_SPECIFIC: 0x9,
  COPY_ABORTED: 0xa,
  ABORTED_COMMAND: 0xb,
  RESERVED: 0xc,
  VOLUME_OVERFLOW: 0xd,
  MISCOMPARE: 0xe,
  COMPLETED: 0xf,
} as const;

export type SenseKey = (typeof SENSE_KEY)[keyof typeof SENSE_KEY];

const names = Object.keys(SENSE_KEY).map((name) => name.replaceAll("_", " "));

/** The standard's name of a sense key, for logs. */
export function senseKeyName(key: number): string {
  return names[key] ?? `sense key ${key.toString(16).toUpperCase()}h`;
}
