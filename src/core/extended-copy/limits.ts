/** How much EXTENDED COPY takes on: what RECEIVE COPY OPERATING PARAMETERS tells initiators. */
import {
  BlockToBlockSegmentDescriptor,
  COPY_DESCRIPTOR_TYPE,
  CopyOperatingParametersData,
  IdentificationCscdDescriptor,
} from "../../protocol/scsi/index.ts";

/** SCST's number. */
export const CSCD_DESCRIPTORS_MAX = 5;

export const SEGMENT_DESCRIPTORS_MAX = 256;

/** All descriptors of a command, in bytes. */
export const DESCRIPTOR_LIST_LENGTH_MAX =
  CSCD_DESCRIPTORS_MAX * IdentificationCscdDescriptor.size +
  SEGMENT_DESCRIPTORS_MAX * BlockToBlockSegmentDescriptor.size;

/** EXTENDED COPY commands of a session that run at once; one more gets TASK SET FULL. */
export const COPIES_PER_SESSION_MAX = 32;

/** One READ(16) and the WRITE(16) of its data, in bytes (SCST's number). */
export const TRANSFER_LENGTH_MAX = 512 * 1024;

/** So many of those pairs run at once for a command. */
export const TRANSFERS_IN_FLIGHT_MAX = 4;

/** In bytes; a segment counts at most 65535 blocks. SCST's number. */
const SEGMENT_LENGTH_MAX = 256 * 1024 * 1024;

/** DATA SEGMENT GRANULARITY: 512 bytes, as a power of two. */
const DATA_SEGMENT_GRANULARITY = 9;

/** Ascending, as SPC-4 wants them. */
const IMPLEMENTED = [COPY_DESCRIPTOR_TYPE.BLOCK_TO_BLOCK, COPY_DESCRIPTOR_TYPE.IDENTIFICATION];

/** SPC-4, "RECEIVE COPY OPERATING PARAMETERS command". */
export function operatingParameters(): Uint8Array {
  const { size } = CopyOperatingParametersData;
  const data = CopyOperatingParametersData.encode(
    {
      availableData: size + IMPLEMENTED.length - 4,
      snlid: true,
      maximumCscdDescriptorCount: CSCD_DESCRIPTORS_MAX,
      maximumSegmentDescriptorCount: SEGMENT_DESCRIPTORS_MAX,
      maximumDescriptorListLength: DESCRIPTOR_LIST_LENGTH_MAX,
      maximumSegmentLength: SEGMENT_LENGTH_MAX,
      totalConcurrentCopies: COPIES_PER_SESSION_MAX,
      maximumConcurrentCopies: COPIES_PER_SESSION_MAX,
      dataSegmentGranularity: DATA_SEGMENT_GRANULARITY,
      implementedDescriptorListLength: IMPLEMENTED.length,
    },
    size + IMPLEMENTED.length,
  );
  data.set(IMPLEMENTED, size);
  return data;
}
