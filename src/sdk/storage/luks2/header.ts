import { createHash, randomFillSync, timingSafeEqual } from "node:crypto";

import { ProtocolError, UsageError } from "../../../protocol/errors.ts";
import { octets, uint, wire } from "../../../protocol/layout/index.ts";
import type { BlockStore } from "../block-store.ts";
import { checkMetadata } from "./check-metadata.ts";
import type { Metadata } from "./metadata.ts";

/** LUKS2 On-Disk Format Specification, "Binary header". Text is padded with zeros. */
const BinaryHeader = wire(
  "LUKS2 binary header",
  {
    magic: octets(0, 5),
    version: uint(6, 7),
    /** Bytes of the binary header and the JSON area together. */
    headerSize: uint(8, 15),
    /** Counts the writings: of two whole copies the higher one is right. */
    sequenceId: uint(16, 23),
    label: octets(24, 71),
    checksumAlgorithm: octets(72, 103),
    salt: octets(104, 167),
    uuid: octets(168, 207),
    subsystem: octets(208, 255),
    /** Where this copy is, in bytes. */
    headerOffset: uint(256, 263),
    checksum: octets(448, 511),
  },
  4096,
);

const MAGIC = [Buffer.from("LUKS\xba\xbe", "latin1"), Buffer.from("SKUL\xba\xbe", "latin1")];
const VERSION = 2;

/** What a copy of a header may be long, in bytes; the second one begins where the first ends. */
const HEADER_SIZES = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096].map((kib) => kib * 1024);

const CHECKSUM = "sha256";
const CHECKSUMS = [CHECKSUM, "sha512", "sha1"];

export interface Header {
  /** Of one copy, in bytes. */
  readonly size: number;
  readonly sequenceId: number;
  readonly label: string;
  readonly subsystem: string;
  readonly uuid: string;
  readonly metadata: Metadata;
}

export type HeaderCopy = "first" | "second";

export interface FoundHeader {
  readonly header: Header;
  /** The copy that is damaged or older, where there is one. */
  readonly bad: HeaderCopy | undefined;
}

/**
 * The header of a LUKS2 volume: the newer of the copies that are whole.
 *
 * @throws ProtocolError LUKS2_NONE, LUKS2_VERSION, LUKS2_DAMAGED or LUKS2_METADATA
 */
export async function readHeader(store: BlockStore): Promise<FoundHeader> {
  const first = await readCopy(store, 0, 0);
  // Where the first says nothing of its length, the second is looked for wherever it may be.
  const places = first.header === undefined ? HEADER_SIZES : [first.header.size];
  let second: Copy = NO_COPY;
  for (const place of places) {
    second = await readCopy(store, place, 1);
    if (second.header !== undefined) break;
  }
  if (first.header === undefined && second.header === undefined) {
    throw first.reason ?? damaged(`${store.name} has no copy of a LUKS2 header that is whole`);
  }
  const newer = (second.header?.sequenceId ?? -1) > (first.header?.sequenceId ?? -1);
  const good = (newer ? second : first) as { header: Header; json: unknown };
  const other = newer ? first : second;
  const metadata = checkMetadata(good.json, 2 * good.header.size);
  const isSame = other.header?.sequenceId === good.header.sequenceId;
  const bad = isSame ? undefined : newer ? "first" : "second";
  return { header: { ...good.header, metadata }, bad };
}

/**
 * Writes both copies, one after the other, so that one is whole whatever happens: the second one
 * first, as it has the higher number then and counts if the first is never written.
 */
export async function writeHeader(store: BlockStore, header: Header): Promise<void> {
  for (const copy of [1, 0] as const) {
    await store.write(encode(header, copy), copy * header.size, false);
    await store.flush();
  }
}

interface Copy {
  readonly header?: Omit<Header, "metadata">;
  readonly json?: unknown;
  readonly reason?: ProtocolError;
}

const NO_COPY: Copy = {};

async function readCopy(store: BlockStore, place: number, copy: 0 | 1): Promise<Copy> {
  if (place + BinaryHeader.size > store.size) {
    return copy === 0 ? { reason: none(store) } : NO_COPY;
  }
  const start = new Uint8Array(BinaryHeader.size);
  await store.read(start, place);
  const view = BinaryHeader.view(start);
  if (Buffer.compare(view.magic, MAGIC[copy] as Buffer) !== 0) {
    return copy === 0 ? { reason: none(store) } : NO_COPY;
  }
  if (view.version !== VERSION) {
    // A second copy that is still there belongs to a volume that was.
    throw new ProtocolError(
      "LUKS2_VERSION",
      `${store.name} has a LUKS header of version ${view.version}, which must be 2`,
    );
  }
  const size = view.headerSize;
  if (!HEADER_SIZES.includes(size) || view.headerOffset !== place || place + size > store.size) {
    return NO_COPY;
  }
  const whole = new Uint8Array(size);
  await store.read(whole, place);
  if (!isWhole(whole)) return NO_COPY;
  const { sequenceId, label, subsystem, uuid } = BinaryHeader.view(whole);
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1").replace(/\0.*$/s, "");
  const json = parse(whole.subarray(BinaryHeader.size));
  if (json === undefined) return NO_COPY;
  const header = {
    size,
    sequenceId,
    label: text(label),
    subsystem: text(subsystem),
    uuid: text(uuid),
  };
  return { header, json };
}

/** The checksum is of the whole copy, with zeros where it stands itself. */
function isWhole(bytes: Uint8Array): boolean {
  const view = BinaryHeader.view(bytes);
  const name = Buffer.from(view.checksumAlgorithm).toString("latin1").replace(/\0.*$/s, "");
  if (!CHECKSUMS.includes(name)) return false;
  const found = Buffer.from(view.checksum);
  view.checksum.fill(0);
  const expected = createHash(name).update(bytes).digest();
  return timingSafeEqual(found.subarray(0, expected.length), expected);
}

function parse(area: Uint8Array): unknown {
  const end = area.indexOf(0);
  try {
    return JSON.parse(Buffer.from(end < 0 ? area : area.subarray(0, end)).toString("utf8"));
  } catch {
    return undefined;
  }
}

function encode(header: Header, copy: 0 | 1): Uint8Array {
  const bytes = new Uint8Array(header.size);
  const json = Buffer.from(JSON.stringify(header.metadata), "utf8");
  if (json.length >= header.size - BinaryHeader.size) {
    throw new UsageError(
      "LUKS2_FULL",
      `the LUKS2 header has no room for ${json.length} bytes of metadata`,
    );
  }
  bytes.set(json, BinaryHeader.size);
  const view = BinaryHeader.view(bytes);
  const text = (value: string) => Buffer.from(value, "latin1");
  BinaryHeader.write(view, {
    magic: MAGIC[copy] as Buffer,
    version: VERSION,
    headerSize: header.size,
    sequenceId: header.sequenceId,
    label: text(header.label),
    checksumAlgorithm: text(CHECKSUM),
    uuid: text(header.uuid),
    subsystem: text(header.subsystem),
    headerOffset: copy * header.size,
  });
  // Makes two headers of the same contents differ.
  randomFillSync(view.salt);
  view.checksum.set(createHash(CHECKSUM).update(bytes).digest());
  return bytes;
}

function none(store: BlockStore): ProtocolError {
  return new ProtocolError("LUKS2_NONE", `${store.name} has no LUKS2 header`);
}

function damaged(message: string): ProtocolError {
  return new ProtocolError("LUKS2_DAMAGED", message);
}
