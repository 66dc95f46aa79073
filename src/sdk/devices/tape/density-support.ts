import {
  DensityDescriptor,
  DensitySupportHeader,
  MediumTypeDescriptor,
  ReportDensitySupport,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";
import { type Density, densitiesOf, useOf } from "./personality.ts";
import type { TapeUnit } from "./tape-unit.ts";

/** REPORT DENSITY SUPPORT: of the drive, or with MEDIA of the cartridge that is loaded. */
export function reportDensitySupport(unit: TapeUnit, command: ScsiCommand): Outcome {
  const { mediumType, media } = ReportDensitySupport.view(command.cdb);
  if (media) {
    const refusal = unit.notReady();
    if (refusal !== undefined) return refusal;
  }
  const densities = media ? [unit.density] : byCode(densitiesOf(unit.personality));
  const descriptors = densities.flatMap((density) =>
    mediumType ? mediumTypesOf(unit, density, media) : [densityDescriptor(unit, density, media)],
  );
  const data = Buffer.concat([new Uint8Array(DensitySupportHeader.size), ...descriptors]);
  DensitySupportHeader.view(data).availableDensitySupportLength = data.length - 2;
  return command.reply(data);
}

function byCode(densities: readonly Density[]): Density[] {
  return [...densities].sort((a, b) => a.code - b.code);
}

function densityDescriptor(unit: TapeUnit, density: Density, media: boolean): Uint8Array {
  const own = densitiesOf(unit.personality)[0];
  const capacity = unit.cartridge?.description.capacityBytes;
  return DensityDescriptor.encode({
    primaryDensityCode: density.code,
    secondaryDensityCode: density.code,
    wrtok: useOf(unit.personality, density.code) === "write",
    deflt: media || density === own,
    bitsPerMm: density.bitsPerMm,
    mediaWidth: density.mediaWidth,
    tracks: density.tracks,
    capacity:
      media && capacity !== undefined ? Math.floor(capacity / 1e6) : density.capacityMegabytes,
    assigningOrganization: density.organization,
    densityName: density.name,
    description: density.description,
  });
}

function mediumTypesOf(unit: TapeUnit, density: Density, media: boolean): Uint8Array[] {
  const both = [
    { mediumType: density.mediumType, text: "Data" },
    { mediumType: density.wormMediumType, text: "WORM" },
  ];
  const wanted = media ? [both[unit.isWorm ? 1 : 0] as (typeof both)[number]] : both;
  return wanted.map(({ mediumType, text }) =>
    MediumTypeDescriptor.encode({
      mediumType,
      descriptorLength: MediumTypeDescriptor.size - 4,
      numberOfDensityCodes: 1,
      primaryDensityCodes: Uint8Array.of(density.code),
      mediaWidth: density.mediaWidth,
      assigningOrganization: density.organization,
      mediumTypeName: text,
      description: `${density.description} ${text}`,
    }),
  );
}
