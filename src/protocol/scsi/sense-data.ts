import { ProtocolError } from "../errors.ts";
import { bits, byte, flag, octets, uint, wire } from "../layout/index.ts";
import { SENSE_KEY } from "./sense-key.ts";
import { additionalSenseName, type SenseCondition } from "./sense.ts";

/** Fixed format sense data (SPC-5, "Fixed format sense data"), without additional sense bytes. */
export const FixedSenseData = wire("fixed format sense data", {
  valid: flag(0, 7),
  responseCode: bits(0, 6, 0),
  filemark: flag(2, 7),
  eom: flag(2, 6),
  ili: flag(2, 5),
  sdatOvfl: flag(2, 4),
  senseKey: bits(2, 3, 0),
  information: uint(3, 6),
  additionalSenseLength: byte(7),
  commandSpecificInformation: uint(8, 11),
  additionalSenseCode: byte(12),
  additionalSenseCodeQualifier: byte(13),
  fieldReplaceableUnitCode: byte(14),
  senseKeySpecific: octets(15, 17),
});

/** The head of descriptor format sense data (SPC-5, "Descriptor format sense data"). */
export const DescriptorSenseData = wire(
  "descriptor format sense data",
  {
    responseCode: bits(0, 6, 0),
    senseKey: bits(1, 3, 0),
    additionalSenseCode: byte(2),
    additionalSenseCodeQualifier: byte(3),
    sdatOvfl: flag(4, 7),
    additionalSenseLength: byte(7),
  },
  8,
);

export const InformationSenseDescriptor = wire("information sense data descriptor", {
  descriptorType: byte(0),
  additionalLength: byte(1),
  valid: flag(2, 7),
  information: uint(4, 11),
});

export const CommandSpecificSenseDescriptor = wire("command-specific information descriptor", {
  descriptorType: byte(0),
  additionalLength: byte(1),
  commandSpecificInformation: uint(4, 11),
});

export const SenseKeySpecificSenseDescriptor = wire(
  "sense key specific sense data descriptor",
  { descriptorType: byte(0), additionalLength: byte(1), senseKeySpecific: octets(4, 6) },
  8,
);

export const StreamCommandsSenseDescriptor = wire("stream commands sense data descriptor", {
  descriptorType: byte(0),
  additionalLength: byte(1),
  filemark: flag(3, 7),
  eom: flag(3, 6),
  ili: flag(3, 5),
});

export const BlockCommandsSenseDescriptor = wire("block commands sense data descriptor", {
  descriptorType: byte(0),
  additionalLength: byte(1),
  ili: flag(3, 5),
});

/** SPC-5, "Field pointer sense key specific information". */
export const FieldPointer = wire("field pointer sense key specific information", {
  sksv: flag(0, 7),
  commandData: flag(0, 6),
  bpv: flag(0, 3),
  bitPointer: bits(0, 2, 0),
  fieldPointer: uint(1, 2),
});

/** SPC-5, "Progress indication sense key specific information". */
export const ProgressIndication = wire("progress indication sense key specific information", {
  sksv: flag(0, 7),
  progressIndication: uint(1, 2),
});

export const SENSE_RESPONSE_CODE = {
  FIXED_CURRENT: 0x70,
  FIXED_DEFERRED: 0x71,
  DESCRIPTOR_CURRENT: 0x72,
  DESCRIPTOR_DEFERRED: 0x73,
} as const;

export const SENSE_DESCRIPTOR = {
  INFORMATION: 0x00,
  COMMAND_SPECIFIC_INFORMATION: 0x01,
  SENSE_KEY_SPECIFIC: 0x02,
  FIELD_REPLACEABLE_UNIT: 0x03,
  STREAM_COMMANDS: 0x04,
  BLOCK_COMMANDS: 0x05,
} as const;

/** The field that is wrong. */
export interface SenseFieldPointer {
  /** True: a byte of the CDB. False: a byte of the parameter list. */
  readonly inCdb: boolean;
  readonly byte: number;
  /** The bit, where one is meant and not the whole byte. */
  readonly bit?: number | undefined;
}

/** What sense data may say beyond the condition. */
export interface SenseDetails {
  /** INFORMATION: an LBA or a residue. Above 32 bits only the descriptor format can say it. */
  readonly information?: number | undefined;
  /** COMMAND-SPECIFIC INFORMATION */
  readonly commandSpecific?: number | undefined;
  readonly fieldPointer?: SenseFieldPointer | undefined;
  /** PROGRESS INDICATION in 65 536ths; used when there is no field pointer. */
  readonly progress?: number | undefined;
  /** The error belongs to a command that has already been completed. */
  readonly deferred?: boolean | undefined;
  readonly filemark?: boolean | undefined;
  /** End of medium. */
  readonly eom?: boolean | undefined;
  /** Incorrect length indicator. */
  readonly ili?: boolean | undefined;
}

const INFORMATION_FIXED_MAX = 0xffff_ffff;

/** Fixed format sense data, 18 bytes. */
export function encodeFixedSense(
  { key, asc, ascq }: SenseCondition,
  details: SenseDetails = {},
): Uint8Array {
  const sense = FixedSenseData.view();
  sense.responseCode = details.deferred
    ? SENSE_RESPONSE_CODE.FIXED_DEFERRED
    : SENSE_RESPONSE_CODE.FIXED_CURRENT;
  sense.senseKey = key;
  sense.additionalSenseLength = FixedSenseData.size - 8;
  sense.additionalSenseCode = asc;
  sense.additionalSenseCodeQualifier = ascq;
  sense.filemark = details.filemark ?? false;
  sense.eom = details.eom ?? false;
  sense.ili = details.ili ?? false;
  // A value that the four bytes cannot hold leaves VALID zero. A negative residue is in two's
  // complement (SSC-5, "READ(6) command").
  if (details.information !== undefined && details.information <= INFORMATION_FIXED_MAX) {
    sense.valid = true;
    sense.information = details.information;
  }
  const commandSpecific = details.commandSpecific ?? 0;
  if (commandSpecific <= INFORMATION_FIXED_MAX) sense.commandSpecificInformation = commandSpecific;
  const specific = senseKeySpecific(details);
  if (specific !== undefined) sense.senseKeySpecific = specific;
  return sense.bytes;
}

/** Descriptor format sense data: the head and the descriptors that the details need. */
export function encodeDescriptorSense(
  { key, asc, ascq }: SenseCondition,
  details: SenseDetails = {},
): Uint8Array {
  const parts = descriptorsOf(details);
  const additionalSenseLength = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = DescriptorSenseData.encode(
    {
      responseCode: details.deferred
        ? SENSE_RESPONSE_CODE.DESCRIPTOR_DEFERRED
        : SENSE_RESPONSE_CODE.DESCRIPTOR_CURRENT,
      senseKey: key,
      additionalSenseCode: asc,
      additionalSenseCodeQualifier: ascq,
      additionalSenseLength,
    },
    DescriptorSenseData.size + additionalSenseLength,
  );
  let end = DescriptorSenseData.size;
  for (const part of parts) {
    bytes.set(part, end);
    end += part.length;
  }
  return bytes;
}

function descriptorsOf(details: SenseDetails): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const { information, commandSpecific, filemark, eom, ili } = details;
  if (information !== undefined) {
    parts.push(
      InformationSenseDescriptor.encode({
        descriptorType: SENSE_DESCRIPTOR.INFORMATION,
        additionalLength: InformationSenseDescriptor.size - 2,
        valid: true,
        information,
      }),
    );
  }
  if (commandSpecific !== undefined) {
    parts.push(
      CommandSpecificSenseDescriptor.encode({
        descriptorType: SENSE_DESCRIPTOR.COMMAND_SPECIFIC_INFORMATION,
        additionalLength: CommandSpecificSenseDescriptor.size - 2,
        commandSpecificInformation: commandSpecific,
      }),
    );
  }
  const specific = senseKeySpecific(details);
  if (specific !== undefined) {
    parts.push(
      SenseKeySpecificSenseDescriptor.encode({
        descriptorType: SENSE_DESCRIPTOR.SENSE_KEY_SPECIFIC,
        additionalLength: SenseKeySpecificSenseDescriptor.size - 2,
        senseKeySpecific: specific,
      }),
    );
  }
  // Only stream commands know filemarks and the end of the medium; a tape says either of them,
  // even as false, to have its ILI in the right descriptor.
  if (filemark !== undefined || eom !== undefined) {
    parts.push(
      StreamCommandsSenseDescriptor.encode({
        descriptorType: SENSE_DESCRIPTOR.STREAM_COMMANDS,
        additionalLength: StreamCommandsSenseDescriptor.size - 2,
        filemark: filemark ?? false,
        eom: eom ?? false,
        ili: ili ?? false,
      }),
    );
  } else if (ili === true) {
    parts.push(
      BlockCommandsSenseDescriptor.encode({
        descriptorType: SENSE_DESCRIPTOR.BLOCK_COMMANDS,
        additionalLength: BlockCommandsSenseDescriptor.size - 2,
        ili,
      }),
    );
  }
  return parts;
}

function senseKeySpecific({ fieldPointer, progress }: SenseDetails): Uint8Array | undefined {
  if (fieldPointer !== undefined) {
    const { inCdb, byte: pointer, bit } = fieldPointer;
    return FieldPointer.encode({
      sksv: true,
      commandData: inCdb,
      bpv: bit !== undefined,
      bitPointer: bit ?? 0,
      fieldPointer: pointer,
    });
  }
  if (progress === undefined) return undefined;
  return ProgressIndication.encode({ sksv: true, progressIndication: progress });
}

/** Sense data as read, in either format. */
export interface SenseData {
  readonly key: number;
  readonly asc: number;
  readonly ascq: number;
  /** T10's wording of the additional sense code. */
  readonly name: string;
  readonly deferred: boolean;
  readonly descriptorFormat: boolean;
  /** Absent unless marked as valid. */
  readonly information?: number;
  readonly commandSpecific?: number;
  /** For ILLEGAL REQUEST; other sense keys give these bytes other meanings. */
  readonly fieldPointer?: SenseFieldPointer;
  /** For NO SENSE and NOT READY, in 65 536ths. */
  readonly progress?: number;
  readonly filemark: boolean;
  readonly eom: boolean;
  readonly ili: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Reads sense data in fixed or descriptor format. What a short one leaves out is zero.
 *
 * @throws ProtocolError `SENSE` when the response code is none of 70h to 73h
 */
export function parseSense(bytes: Uint8Array): SenseData {
  const responseCode = (bytes[0] ?? 0) & 0x7f;
  switch (responseCode) {
    case SENSE_RESPONSE_CODE.FIXED_CURRENT:
    case SENSE_RESPONSE_CODE.FIXED_DEFERRED:
      return parseFixed(bytes);
    case SENSE_RESPONSE_CODE.DESCRIPTOR_CURRENT:
    case SENSE_RESPONSE_CODE.DESCRIPTOR_DEFERRED:
      return parseDescriptors(bytes);
    default:
      throw new ProtocolError(
        "SENSE",
        `sense data of ${bytes.length} bytes begins with response code ` +
          `${responseCode.toString(16)}h: 70h to 73h are known`,
      );
  }
}

function parseFixed(bytes: Uint8Array): SenseData {
  const whole = new Uint8Array(FixedSenseData.size);
  // ADDITIONAL SENSE LENGTH says how much of the buffer is sense data.
  const length = Math.min(bytes.length, whole.length, 8 + (bytes[7] ?? 0));
  whole.set(bytes.subarray(0, length));
  const sense = FixedSenseData.view(whole);
  const result: Mutable<SenseData> = {
    key: sense.senseKey,
    asc: sense.additionalSenseCode,
    ascq: sense.additionalSenseCodeQualifier,
    name: additionalSenseName(sense.additionalSenseCode, sense.additionalSenseCodeQualifier),
    deferred: sense.responseCode === SENSE_RESPONSE_CODE.FIXED_DEFERRED,
    descriptorFormat: false,
    filemark: sense.filemark,
    eom: sense.eom,
    ili: sense.ili,
  };
  if (sense.valid) result.information = sense.information;
  if (sense.commandSpecificInformation !== 0) {
    result.commandSpecific = sense.commandSpecificInformation;
  }
  readSenseKeySpecific(result, sense.senseKeySpecific);
  return result;
}

function parseDescriptors(bytes: Uint8Array): SenseData {
  const head = new Uint8Array(DescriptorSenseData.size);
  head.set(bytes.subarray(0, head.length));
  const sense = DescriptorSenseData.view(head);
  const result: Mutable<SenseData> = {
    key: sense.senseKey,
    asc: sense.additionalSenseCode,
    ascq: sense.additionalSenseCodeQualifier,
    name: additionalSenseName(sense.additionalSenseCode, sense.additionalSenseCodeQualifier),
    deferred: sense.responseCode === SENSE_RESPONSE_CODE.DESCRIPTOR_DEFERRED,
    descriptorFormat: true,
    filemark: false,
    eom: false,
    ili: false,
  };
  const end = Math.min(bytes.length, head.length + sense.additionalSenseLength);
  for (let at = head.length; at + 2 <= end;) {
    const length = 2 + (bytes[at + 1] as number);
    if (at + length <= end) readDescriptor(result, bytes.subarray(at, at + length));
    at += length;
  }
  return result;
}

/** A descriptor that is unknown or too short is passed over. */
function readDescriptor(result: Mutable<SenseData>, bytes: Uint8Array): void {
  switch (bytes[0]) {
    case SENSE_DESCRIPTOR.INFORMATION: {
      if (bytes.length < InformationSenseDescriptor.size) return;
      const view = InformationSenseDescriptor.view(bytes);
      if (view.valid) result.information = view.information;
      return;
    }
    case SENSE_DESCRIPTOR.COMMAND_SPECIFIC_INFORMATION:
      if (bytes.length < CommandSpecificSenseDescriptor.size) return;
      result.commandSpecific =
        CommandSpecificSenseDescriptor.view(bytes).commandSpecificInformation;
      return;
    case SENSE_DESCRIPTOR.SENSE_KEY_SPECIFIC:
      if (bytes.length < SenseKeySpecificSenseDescriptor.size) return;
      readSenseKeySpecific(result, SenseKeySpecificSenseDescriptor.view(bytes).senseKeySpecific);
      return;
    case SENSE_DESCRIPTOR.STREAM_COMMANDS: {
      if (bytes.length < StreamCommandsSenseDescriptor.size) return;
      const view = StreamCommandsSenseDescriptor.view(bytes);
      result.filemark = view.filemark;
      result.eom = view.eom;
      result.ili = view.ili;
      return;
    }
    case SENSE_DESCRIPTOR.BLOCK_COMMANDS:
      if (bytes.length < BlockCommandsSenseDescriptor.size) return;
      result.ili = BlockCommandsSenseDescriptor.view(bytes).ili;
      return;
    default:
      return;
  }
}

function readSenseKeySpecific(result: Mutable<SenseData>, bytes: Uint8Array): void {
  const pointer = FieldPointer.view(bytes);
  if (!pointer.sksv) return;
  if (result.key === SENSE_KEY.ILLEGAL_REQUEST) {
    result.fieldPointer = {
      inCdb: pointer.commandData,
      byte: pointer.fieldPointer,
      ...(pointer.bpv ? { bit: pointer.bitPointer } : {}),
    };
  } else if (result.key === SENSE_KEY.NO_SENSE || result.key === SENSE_KEY.NOT_READY) {
    result.progress = ProgressIndication.view(bytes).progressIndication;
  }
}
