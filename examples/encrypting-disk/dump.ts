import type { Luks2 } from "scst-user";

/** What a header says, for people. */
export function dumpText({ header, badCopy }: Luks2): string {
  const { keyslots, segments, config } = header.metadata;
  const lines = [
    `LUKS2, header ${header.sequenceId}${badCopy ? `; its ${badCopy} copy is bad: repair it` : ""}`,
    `UUID    ${header.uuid}`,
    `label   ${header.label || "-"}`,
    `flags   ${config.flags?.join(", ") || "-"}`,
  ];
  for (const [id, { encryption, sector_size: sectorSize, offset, size }] of entries(segments)) {
    lines.push(`data ${id}  ${encryption}, sectors of ${sectorSize}, ${size} from byte ${offset}`);
  }
  for (const [id, { kdf, key_size: keyBytes, area }] of entries(keyslots)) {
    const cost =
      kdf.type === "pbkdf2"
        ? `${kdf.hash}, ${kdf.iterations} iterations`
        : `${kdf.time} passes over ${kdf.memory} KiB, ${kdf.cpus} lanes`;
    lines.push(`key ${id}   ${keyBytes * 8} bits, ${kdf.type}, ${cost}; from byte ${area.offset}`);
  }
  return lines.join("\n");
}

const entries = Object.entries;
