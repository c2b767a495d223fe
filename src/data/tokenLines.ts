import { InputError } from '../errors.js';
import { linesOf, nestsDeeper } from '../files/text.js';

/** One image's tokens in a stream of JSON lines. */
export interface TokenLine {
  /** In raster order. */
  readonly tokens: readonly number[];
  /** Rows and columns; square when left out. */
  readonly grid?: readonly number[];
  readonly class_id?: number;
  /** The class's name. */
  readonly class?: string;
  /** File that the image came from. */
  readonly source?: string;
  /** Which of an image's crops this is, from 0. */
  readonly crop?: number;
  /** Whether the image was mirrored. */
  readonly flipped?: boolean;
}

/** Rows and columns of tokens. */
export interface TokenGrid {
  readonly height: number;
  readonly width: number;
}

/** A line as it was read, and where. */
export interface PlacedTokenLine extends TokenLine {
  /** The source and the number of the line, for messages. */
  readonly place: string;
}

/** The most tokens that a picture may have. */
export const MAX_PICTURE_TOKENS = 1 << 16;
/** Tokens and classes are kept in 32 bits. */
const MAX_INTEGER = 2 ** 31 - 1;
const MAX_NESTING = 16;
/** Fields that say something about the image, and what they must be. */
const DETAILS = [
  ['class', 'string'],
  ['source', 'string'],
  ['crop', 'number'],
  ['flipped', 'boolean'],
] as const;

/** The line's text, with its line end. */
export function formatTokenLine(line: TokenLine): string {
  return `${JSON.stringify(line)}\n`;
}

function isInteger(value: unknown, min: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= MAX_INTEGER;
}

function isIntegers(value: unknown, min: number): value is readonly number[] {
  return Array.isArray(value) && value.every((element) => isInteger(element, min));
}

/** What is wrong with a field, so that the message can name it. */
function faultOf({
  tokens,
  grid,
  class_id,
  ...others
}: Readonly<Record<string, unknown>>): string | undefined {
  if (!Array.isArray(tokens) || tokens.length === 0)
    return 'field \'tokens\' must be an array of whole numbers; expected {"tokens": […], "grid": [rows, columns]}';
  if (tokens.length > MAX_PICTURE_TOKENS)
    return `${tokens.length} tokens are more than the ${MAX_PICTURE_TOKENS} that a picture may have`;
  const wrong = tokens.findIndex((token) => !isInteger(token, 0));
  if (wrong >= 0) return `field 'tokens.${wrong}' must be a whole number from 0 to ${MAX_INTEGER}`;
  if (grid !== undefined && grid !== null && !(isIntegers(grid, 1) && grid.length === 2))
    return "field 'grid' must be [rows, columns], two whole numbers";
  if (class_id !== undefined && class_id !== null && !isInteger(class_id, 0))
    return `field 'class_id' must be a whole number from 0 to ${MAX_INTEGER}`;
  for (const [name, kind] of DETAILS) {
    const value = others[name];
    if (value !== undefined && value !== null && typeof value !== kind)
      return `field '${name}' must be a ${kind}`;
  }
  return undefined;
}

function parseLine(text: string, place: string): PlacedTokenLine {
  const fail = (reason: string): never => {
    throw new InputError(`${place}: ${reason}`);
  };
  if (nestsDeeper(text, MAX_NESTING)) return fail('its arrays are nested too deeply for a line of tokens');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail('not JSON; expected {"tokens": […], "grid": [rows, columns]}');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail('not an object; expected {"tokens": […], "grid": [rows, columns]}');
  const fault = faultOf(value as Readonly<Record<string, unknown>>);
  if (fault !== undefined) return fail(fault);
  const { tokens, grid, class_id, ...others } = value as TokenLine;
  const line: Record<string, unknown> = { tokens, place };
  if (typeof class_id === 'number') line.class_id = class_id;
  if (grid) line.grid = grid;
  for (const [name, kind] of DETAILS) if (typeof others[name] === kind) line[name] = others[name];
  return line as unknown as PlacedTokenLine;
}

/**
 * Reads JSON lines of tokens; empty lines are passed over. By hand and not by a schema, for there may be millions.
 * @param source their name, for messages
 * @throws InputError naming the source and the line.
 */
export function parseTokenLines(text: string, source: string): readonly PlacedTokenLine[] {
  const lines: PlacedTokenLine[] = [];
  for (const line of linesOf(text)) lines.push(parseLine(line.text, `${source}: line ${line.number}`));
  if (lines.length === 0) throw new InputError(`${source}: it holds no tokens`);
  return lines;
}

/**
 * The grid that a line names, or the square one of its tokens.
 * @throws InputError when the tokens do not fill it.
 */
export function gridOfLine({ tokens, grid }: TokenLine, place: string): TokenGrid {
  const side = Math.sqrt(tokens.length);
  const [height, width] = grid ?? [side, side];
  if (height! * width! !== tokens.length || !Number.isInteger(height!))
    throw new InputError(
      `${place}: ${tokens.length} tokens do not fill a grid${grid ? ` of ${height}×${width}` : '; name it as "grid": [rows, columns]'}`,
    );
  return { height: height!, width: width! };
}
