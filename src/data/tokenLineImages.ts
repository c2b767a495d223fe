import { InputError } from '../errors.js';
import type { TokenData } from './tokenData.js';
import { gridOfLine, parseTokenLines, type PlacedTokenLine, type TokenGrid } from './tokenLines.js';

/** @throws InputError when two lines call one class differently. */
function namesIn(lines: readonly PlacedTokenLine[]): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const { class_id: classId, class: name, place } of lines) {
    if (classId === undefined || name === undefined) continue;
    const known = names.get(classId) ?? name;
    if (known !== name)
      throw new InputError(`${place}: class ${classId} is '${name}' here and '${known}' before`);
    names.set(classId, name);
  }
  return names;
}

/**
 * The grid of all lines, each of which is square unless it says otherwise; undefined when none says anything.
 * @throws InputError naming the line whose tokens do not fill its grid, or whose grid is not that of the first.
 */
function gridIn(lines: readonly PlacedTokenLine[]): TokenGrid | undefined {
  if (lines.every(({ grid }) => grid === undefined)) return undefined;
  const [first] = lines;
  const common = gridOfLine(first!, first!.place);
  for (const line of lines) {
    const { height, width } = gridOfLine(line, line.place);
    if (height !== common.height || width !== common.width)
      throw new InputError(
        `${line.place}: a grid of ${height}×${width} tokens where ${first!.place} has ${common.height}×${common.width}; keep one kind in a file`,
      );
  }
  return common;
}

/**
 * The class of each line. Either all name theirs or none does.
 * @throws InputError naming the line without a class.
 */
function classesIn(lines: readonly PlacedTokenLine[]): readonly number[] | undefined {
  const without = lines.find(({ class_id: classId }) => classId === undefined);
  if (!without) return lines.map(({ class_id: classId }) => classId!);
  if (without.class !== undefined)
    throw new InputError(`${without.place}: the class '${without.class}' has no number; add "class_id"`);
  const labelled = lines.find((line) => line.class_id !== undefined || line.class !== undefined);
  if (labelled)
    throw new InputError(
      `${without.place}: it has no class_id, and ${labelled.place} has one; all lines must, or none`,
    );
  return undefined;
}

/**
 * Images of JSON lines of tokens. Lines with the same `source` are crops and mirrored copies of one picture.
 * @param path their name, for messages
 * @throws InputError naming the line that is damaged, or does not fit the others.
 */
export function readTokenLines(text: string, path: string): TokenData {
  const lines = parseTokenLines(text, path);
  const classIds = classesIn(lines);
  const grid = gridIn(lines);
  const images = lines.map(({ tokens, source: picture, place }, index) => ({
    ...{ source: place, classId: classIds?.[index] ?? 0, variants: 1, positions: tokens.length, tokens },
    ...(picture !== undefined && { picture }),
  }));
  const notes = classIds ? [] : [`${path}: no line has a class_id: all images are of one class`];
  return { images, names: namesIn(lines), ...(grid && { grid }), notes };
}
