/** Reads the parameter list of EXTENDED COPY(LID1). */
import {
  BlockToBlockSegmentDescriptor,
  COPY_DESCRIPTOR_TYPE,
  ExtendedCopyParameterList,
  IdentificationCscdDescriptor,
  LIST_ID_USAGE,
  SegmentDescriptorHeader,
  SENSE,
  type SenseCondition,
} from "../../protocol/scsi/index.ts";
import type { SenseDetails } from "../command.ts";
import {
  CSCD_DESCRIPTORS_MAX,
  DESCRIPTOR_LIST_LENGTH_MAX,
  SEGMENT_DESCRIPTORS_MAX,
} from "./limits.ts";

/** A copy source or copy destination, as the initiator names it. */
export interface Cscd {
  /** Where the descriptor stands in the parameter list. */
  readonly at: number;
  /** The null device of SPC-3 is meant: there is nothing to copy from or to. */
  readonly isNull: boolean;
  readonly peripheralDeviceType: number;
  readonly codeSet: number;
  readonly association: number;
  readonly designatorType: number;
  readonly designator: Uint8Array;
  /** Bytes of a logical block. */
  readonly blockLength: number;
}

/** Blocks to copy from one block device to another. */
export interface Segment {
  /** Indexes of {@link Cscd}s; there need not be one. */
  readonly source: number;
  readonly destination: number;
  readonly blocks: number;
  /** `blocks` are the destination's; else they are the source's. */
  readonly inDestinationBlocks: boolean;
  readonly sourceLba: number;
  readonly destinationLba: number;
}

export interface CopyList {
  /** Undefined where the initiator wants none. */
  readonly listIdentifier: number | undefined;
  /** The results are to be held for RECEIVE COPY RESULTS. */
  readonly holdResults: boolean;
  readonly cscds: readonly Cscd[];
  readonly segments: readonly Segment[];
}

/** Why the list is refused: nothing has been copied. */
export interface Refusal {
  readonly sense: SenseCondition;
  readonly details?: SenseDetails;
}

function refuse(sense: SenseCondition, byte?: number, bit?: number): Refusal {
  if (byte === undefined) return { sense };
  return { sense, details: { fieldPointer: { inCdb: false, byte, bit } } };
}

/** SPC-4, "EXTENDED COPY(LID1) command" and "Errors detected before starting processing". */
export function readCopyList(data: Uint8Array): CopyList | Refusal {
  const head = ExtendedCopyParameterList;
  if (data.length < head.size) return refuse(SENSE.PARAMETER_LIST_LENGTH_ERROR);
  const view = head.view(data);
  const { listIdentifier, listIdUsage } = view;
  if (listIdUsage === LIST_ID_USAGE.NONE) {
    if (listIdentifier !== 0) return refuse(SENSE.INVALID_FIELD_IN_PARAMETER_LIST, 0);
  } else if (listIdUsage !== LIST_ID_USAGE.HOLD && listIdUsage !== LIST_ID_USAGE.DISCARD) {
    return refuse(SENSE.INVALID_FIELD_IN_PARAMETER_LIST, 1, 4);
  }
  const { cscdDescriptorListLength, segmentDescriptorListLength, inlineDataLength } = view;
  const descriptors = cscdDescriptorListLength + segmentDescriptorListLength;
  if (descriptors > DESCRIPTOR_LIST_LENGTH_MAX || head.size + descriptors > data.length) {
    return refuse(SENSE.PARAMETER_LIST_LENGTH_ERROR);
  }
  if (inlineDataLength > 0) return refuse(SENSE.INLINE_DATA_LENGTH_EXCEEDED, 12);
  // What follows the descriptors is inline data that the header does not announce.
  if (head.size + descriptors < data.length) return refuse(SENSE.INLINE_DATA_LENGTH_EXCEEDED);

  const cscds = readCscds(data, head.size, cscdDescriptorListLength);
  if (!Array.isArray(cscds)) return cscds;
  const segments = readSegments(data, head.size + cscdDescriptorListLength);
  if (!Array.isArray(segments)) return segments;
  return {
    listIdentifier: listIdUsage === LIST_ID_USAGE.NONE ? undefined : listIdentifier,
    holdResults: listIdUsage === LIST_ID_USAGE.HOLD,
    cscds,
    segments,
  };
}

function readCscds(data: Uint8Array, start: number, length: number): Cscd[] | Refusal {
  const { size } = IdentificationCscdDescriptor;
  if (length % size !== 0) return refuse(SENSE.INVALID_FIELD_IN_PARAMETER_LIST, 2);
  if (length / size > CSCD_DESCRIPTORS_MAX) return refuse(SENSE.TOO_MANY_TARGET_DESCRIPTORS, 2);
  const cscds: Cscd[] = [];
  for (let at = start; at < start + length; at += size) {
    const view = IdentificationCscdDescriptor.view(data, at);
    if (view.descriptorTypeCode !== COPY_DESCRIPTOR_TYPE.IDENTIFICATION) {
      return refuse(SENSE.UNSUPPORTED_TARGET_DESCRIPTOR_TYPE_CODE, at);
    }
    const { designator, designatorLength } = view;
    if (designatorLength > designator.length) {
      return refuse(SENSE.INVALID_FIELD_IN_PARAMETER_LIST, at + 7);
    }
    cscds.push({
      at,
      isNull: view.nul,
      peripheralDeviceType: view.peripheralDeviceType,
      codeSet: view.codeSet,
      association: view.association,
      designatorType: view.designatorType,
      designator: designator.slice(0, designatorLength),
      blockLength: view.diskBlockLength,
    });
  }
  return cscds;
}

function readSegments(data: Uint8Array, start: number): Segment[] | Refusal {
  const { size } = BlockToBlockSegmentDescriptor;
  const segments: Segment[] = [];
  for (let at = start; at < data.length; at += size) {
    if (data[at] !== COPY_DESCRIPTOR_TYPE.BLOCK_TO_BLOCK) {
      return refuse(SENSE.UNSUPPORTED_SEGMENT_DESCRIPTOR_TYPE_CODE, at);
    }
    if (at + size > data.length) return refuse(SENSE.PARAMETER_LIST_LENGTH_ERROR);
    if (segments.length === SEGMENT_DESCRIPTORS_MAX) {
      return refuse(SENSE.TOO_MANY_SEGMENT_DESCRIPTORS, 8);
    }
    const view = BlockToBlockSegmentDescriptor.view(data, at);
    if (view.descriptorLength !== size - SegmentDescriptorHeader.size) {
      return refuse(SENSE.INVALID_FIELD_IN_PARAMETER_LIST, at + 2);
    }
    segments.push({
      source: view.sourceCscdDescriptorId,
      destination: view.destinationCscdDescriptorId,
      blocks: view.blockDeviceNumberOfBlocks,
      inDestinationBlocks: view.dc,
      sourceLba: view.sourceLogicalBlockAddress,
      destinationLba: view.destinationLogicalBlockAddress,
    });
  }
  return segments;
}
