import { oneLine } from './terminal.js';

const GAP = '  ';

/**
 * Rows under headings, in columns as wide as they need. Rows with fewer cells end early, and their last cell may be of
 * any length.
 * @param headings none where the rows say it themselves
 */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [...(headings.length > 0 ? [headings] : []), ...rows].map((row) => row.map(oneLine));
  const widths: number[] = [];
  for (const line of lines)
    for (const [column, cell] of line.slice(0, -1).entries())
      widths[column] = Math.max(widths[column] ?? 0, [...cell].length);
  const text = lines.map((line) =>
    line
      .map((cell, column) =>
        column === line.length - 1 ? cell : cell + ' '.repeat(widths[column]! - [...cell].length),
      )
      .join(GAP)
      .trimEnd(),
  );
  return text.map((line) => `${line}\n`).join('');
}
