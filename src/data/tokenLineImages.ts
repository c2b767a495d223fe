import { type Codes, formOf, type TokenGrid } from '../codes.js';
import { InputError } from '../errors.js';
import type { TokenData } from './tokenData.js';
import { codesOfLine, parseTokenLines, type PlacedTokenLine } from './tokenLines.js';

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

/** What the codes of a line share with those of others that they may stand beside, in words. */
function wordsOf(codes: Codes): string {
  if (codes.kind === 'scales') return `scales of ${codes.sides.join(', ')}`;
  const grid = `a grid of ${codes.grid.height}×${codes.grid.width}`;
  return codes.kind === 'indices' ? `${grid} tokens` : `${grid} vectors of ${codes.channels} channels`;
}

/** @throws InputError naming the line whose codes are of another form than the first's. */
function requireOneForm(lines: readonly PlacedTokenLine[], codes: readonly Codes[]): void {
  const common = wordsOf(codes[0]!);
  const other = codes.findIndex((own) => wordsOf(own) !== common);
  if (other >= 0)
    throw new InputError(
      `${lines[other]!.place}: ${wordsOf(codes[other]!)} where ${lines[0]!.place} has ${common.replace(/^a grid of | tokens$/g, '')}; keep one kind in a file`,
    );
  const parts = codes.map((own) => own.kind === 'vectors' && own.deviations !== undefined);
  const without = parts.indexOf(!parts[0]);
  if (without >= 0)
    throw new InputError(
      `${lines[without]!.place}: it has ${parts[without] ? '' : 'no '}deviations, unlike ${lines[0]!.place}; keep one kind in a file`,
    );
}

/**
 * The codes of all lines, each of which is square unless it says otherwise.
 * @returns with them the grid, undefined where lines of indices name none
 * @throws InputError naming the line whose tokens do not fill its grid, or that is of another form than the first.
 */
function codesIn(lines: readonly PlacedTokenLine[]): {
  readonly codes: readonly Codes[];
  readonly grid: TokenGrid | undefined;
} {
  if (lines.every(({ tokens, grid, scales }) => tokens && grid === undefined && scales === undefined)) {
    // Whether they fill a square is asked where one is needed.
    const codes = lines.map(
      ({ tokens }): Codes => ({
        kind: 'indices',
        grid: { height: 1, width: tokens!.length },
        tokens: Int32Array.from(tokens!),
      }),
    );
    return { codes, grid: undefined };
  }
  const codes = lines.map((line) => codesOfLine(line, line.place));
  requireOneForm(lines, codes);
  return { codes, grid: codes[0]!.grid };
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
  const { codes, grid } = codesIn(lines);
  const images = lines.map(({ source: picture, place }, index) => {
    const own = codes[index]!;
    const { tokens } = own;
    const positions = own.kind === 'vectors' ? tokens.length / own.channels : tokens.length;
    return {
      ...{ source: place, classId: classIds?.[index] ?? 0, variants: 1, positions, tokens },
      ...(own.kind === 'vectors' && own.deviations && { deviations: own.deviations }),
      ...(picture !== undefined && { picture }),
    };
  });
  const notes = classIds ? [] : [`${path}: no line has a class_id: all images are of one class`];
  return { form: formOf(codes[0]!), images, names: namesIn(lines), ...(grid && { grid }), notes };
}
