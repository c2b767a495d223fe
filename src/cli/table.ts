import { oneLine } from './terminal.js';

const GAP = '  ';

const lengthOf = (cell: string): number => [...cell].length;

/** A row as a block: its first cell, and below it the others behind their headings. */
function blockOf(headings: readonly string[], [first = '', ...cells]: readonly string[]): readonly string[] {
  const labels = headings.slice(1).map((heading) => heading.toLowerCase());
  const widest = Math.max(...labels.map(lengthOf));
  // What ends early says itself what it is.
  const lines = cells.map((cell, column) =>
    column === cells.length - 1 && cells.length < labels.length
      ? `${GAP}${cell}`
      : `${GAP}${labels[column]!.padEnd(widest)}${GAP}${cell}`,
  );
  return [first, ...lines];
}

/**
 * Rows under headings, in columns as wide as they need. Rows with fewer cells end early, and their last cell may be of
 * any length. Where whole rows are wider than the terminal, each row is a block of lines.
 * @param headings none where the rows say it themselves
 * @param width of the terminal in characters; undefined where there is none
 */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  width: number | undefined = undefined,
): string {
  const lines = [...(headings.length > 0 ? [headings] : []), ...rows].map((row) => row.map(oneLine));
  const widths: number[] = [];
  for (const line of lines)
    for (const [column, cell] of line.slice(0, -1).entries())
      widths[column] = Math.max(widths[column] ?? 0, lengthOf(cell));
  const whole = lines.filter(({ length }) => length === headings.length);
  const last = Math.max(0, ...whole.map((line) => lengthOf(line.at(-1) ?? '')));
  const wanted = widths.reduce((sum, own) => sum + own + GAP.length, last);
  if (headings.length > 0 && width !== undefined && wanted > width)
    return lines
      .slice(1)
      .flatMap((line) => blockOf(headings, line))
      .map((line) => `${line.trimEnd()}\n`)
      .join('');
  const text = lines.map((line) =>
    line
      .map((cell, column) =>
        column === line.length - 1 ? cell : cell + ' '.repeat(widths[column]! - lengthOf(cell)),
      )
      .join(GAP)
      .trimEnd(),
  );
  return text.map((line) => `${line}\n`).join('');
}
