/** What a section of the benchmarks is given, and what it gives back. */
export interface Options {
  /** How often each thing is measured. */
  readonly rounds: number;
  /** Also print where time and garbage come from. */
  readonly profile: boolean;
}

export interface Table {
  readonly title: string;
  /** How the figures came about, for people who were not there. */
  readonly note: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export type Section = (options: Options) => Promise<Table[]>;

/** A table in Markdown, its columns padded so that a terminal shows it as well. */
export function markdownOf({ title, note, columns, rows }: Table): string {
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => (row[index] ?? "").length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, index) => (cells[index] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [`### ${title}`, "", line(columns), rule, ...rows.map(line), "", note, ""].join("\n");
}
