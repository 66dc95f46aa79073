import { BLOCK_BYTES_MAX } from "../../storage/cartridge/layout.ts";

/** A recording format (REPORT DENSITY SUPPORT). */
export interface Density {
  readonly code: number;
  readonly name: string;
  readonly description: string;
  readonly organization: string;
  readonly bitsPerMm: number;
  /** In units of 0,1 mm. */
  readonly mediaWidth: number;
  readonly tracks: number;
  /** In units of 10^6 bytes, without compression. */
  readonly capacityMegabytes: number;
  /** MEDIUM TYPE of data and of WORM cartridges. */
  readonly mediumType: number;
  readonly wormMediumType: number;
  /** How many partitions a cartridge can have. */
  readonly partitionsMax: number;
}

/** A model of drive: what it says of itself, and which cartridges it takes. */
export interface Personality {
  readonly name: string;
  readonly vendor: string;
  readonly product: string;
  readonly revision: string;
  readonly densities: {
    /** The drive's own first. */
    readonly written: readonly Density[];
    readonly readOnly: readonly Density[];
  };
  /** The longest block, in bytes. */
  readonly blockLengthMax: number;
  readonly worm: boolean;
  readonly encryption: boolean;
  readonly logicalBlockProtection: boolean;
}

const lto = (
  generation: number,
  code: number,
  [bitsPerMm, tracks, gigabytes]: readonly [number, number, number],
  name: string,
  partitionsMax: number,
): Density => ({
  code,
  name,
  description: `Ultrium ${generation}/${generation < 7 ? 16 : 32}T`,
  organization: "LTO-CVE",
  bitsPerMm,
  mediaWidth: 127,
  tracks,
  capacityMegabytes: gigabytes * 1000,
  mediumType: generation * 16 + 8,
  wormMediumType: generation * 16 + 12,
  partitionsMax,
});

/** LTO's recording formats by generation: density code, bits/mm, tracks, native capacity. */
const LTO: Readonly<Record<number, Density>> = {
  3: lto(3, 0x44, [9638, 704, 400], "U-316", 1),
  4: lto(4, 0x46, [12_725, 896, 800], "U-416", 1),
  5: lto(5, 0x58, [15_142, 1280, 1500], "U-516", 2),
  6: lto(6, 0x5a, [15_142, 2176, 2500], "U-616", 4),
  7: lto(7, 0x5c, [19_107, 3584, 6000], "U-732", 4),
  8: lto(8, 0x5e, [20_669, 6656, 12_000], "U-832", 4),
  9: lto(9, 0x60, [21_456, 8960, 18_000], "U-932", 4),
};

/** Written: its own generation and the one before. Read: two before, up to LTO-7. */
function ltoDrive(generation: number): Personality {
  const own = LTO[generation] as Density;
  const before = LTO[generation - 1] as Density;
  return {
    name: `lto${generation}`,
    vendor: "IBM",
    product: `ULT3580-TD${generation}`,
    revision: "SCST",
    densities: {
      written: [own, before],
      readOnly: generation < 8 ? [LTO[generation - 2] as Density] : [],
    },
    blockLengthMax: BLOCK_BYTES_MAX,
    worm: true,
    encryption: true,
    logicalBlockProtection: true,
  };
}

/** A drive that takes everything, for what no model is asked for. */
const generic: Personality = {
  name: "generic",
  vendor: "SCST_TS",
  product: "TAPE",
  revision: "0.1",
  densities: {
    written: [9, 8, 7, 6, 5, 4, 3].map((generation) => LTO[generation] as Density),
    readOnly: [],
  },
  blockLengthMax: BLOCK_BYTES_MAX,
  worm: true,
  encryption: true,
  logicalBlockProtection: true,
};

/** The models that there are, by name. */
export const TAPE_PERSONALITIES: Readonly<Record<string, Personality>> = Object.fromEntries(
  [...[5, 6, 7, 8, 9].map(ltoDrive), generic].map((personality) => [personality.name, personality]),
);

export type MediumUse = "write" | "read" | "none";

/** What a drive can do with a recording format. */
export function useOf({ densities }: Personality, densityCode: number): MediumUse {
  if (densities.written.some(({ code }) => code === densityCode)) return "write";
  return densities.readOnly.some(({ code }) => code === densityCode) ? "read" : "none";
}

/** All formats of a drive, its own first. */
export function densitiesOf({ densities }: Personality): readonly Density[] {
  return [...densities.written, ...densities.readOnly];
}
