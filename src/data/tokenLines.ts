import type { Codes, TokenGrid } from '../codes.js';
import { InputError } from '../errors.js';
import { linesOf, nestsDeeper } from '../files/text.js';

/** One image's codes in a stream of JSON lines: either tokens or vectors. */
export interface TokenLine {
  /** Indices in raster order, scale by scale where there are scales. */
  readonly tokens?: readonly number[];
  /** Tokens along both axes of each scale. */
  readonly scales?: readonly number[];
  /** In raster order, with as many numbers a position as there are channels. */
  readonly vectors?: readonly number[];
  readonly channels?: number;
  /** The standard deviation of each number of the vectors, which are the means then. */
  readonly deviations?: readonly number[];
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

/** A line as it was read, and where. */
export interface PlacedTokenLine extends TokenLine {
  /** The source and the number of the line, for messages. */
  readonly place: string;
}

/** The most tokens that a picture may have. */
export const MAX_PICTURE_TOKENS = 1 << 16;
/** The most numbers that a picture's vectors may have. */
const MAX_PICTURE_NUMBERS = 1 << 22;
const MAX_SCALES = 256;
/** Tokens and classes are kept in 32 bits. */
const MAX_INTEGER = 2 ** 31 - 1;
const EXPECTED =
  '{"tokens": […], "grid": [rows, columns]}, {"tokens": […], "scales": [1, 2, …]} or {"vectors": […], "channels": n, "grid": [rows, columns]}';
const MAX_NESTING = 16;
/** Fields that the codes are in. */
const CODES_FIELDS = ['tokens', 'scales', 'vectors', 'channels', 'deviations', 'grid'] as const;
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

function tokensFault(tokens: unknown, scales: unknown): string | undefined {
  if (!Array.isArray(tokens) || tokens.length === 0)
    return `field 'tokens' must be an array of whole numbers; expected ${EXPECTED}`;
  if (tokens.length > MAX_PICTURE_TOKENS)
    return `${tokens.length} tokens are more than the ${MAX_PICTURE_TOKENS} that a picture may have`;
  const wrong = tokens.findIndex((token) => !isInteger(token, 0));
  if (wrong >= 0) return `field 'tokens.${wrong}' must be a whole number from 0 to ${MAX_INTEGER}`;
  if (scales === undefined || scales === null) return undefined;
  return isIntegers(scales, 1) && scales.length > 0 && scales.length <= MAX_SCALES
    ? undefined
    : `field 'scales' must be the side of each scale in tokens, 1 to ${MAX_SCALES} whole numbers`;
}

/** What is wrong with vectors or their deviations. */
function numbersFault(name: string, numbers: unknown): string | undefined {
  if (!Array.isArray(numbers) || numbers.length === 0) return `field '${name}' must be an array of numbers`;
  if (numbers.length > MAX_PICTURE_NUMBERS)
    return `${numbers.length} ${name} are more than the ${MAX_PICTURE_NUMBERS} that a picture may have`;
  const wrong = numbers.findIndex((number) => typeof number !== 'number' || !Number.isFinite(number));
  return wrong >= 0 ? `field '${name}.${wrong}' must be a number` : undefined;
}

function vectorsFault({ vectors, channels, deviations, tokens }: Fields): string | undefined {
  if (tokens !== undefined && tokens !== null)
    return "it has both 'tokens' and 'vectors'; a picture is made of one of them";
  if (!isInteger(channels, 1)) return "field 'channels' must be how many numbers a vector has";
  return (
    numbersFault('vectors', vectors) ??
    (deviations === undefined || deviations === null ? undefined : numbersFault('deviations', deviations))
  );
}

type Fields = Readonly<Record<string, unknown>>;

/** What is wrong with a field, so that the message can name it. */
function faultOf(line: Fields): string | undefined {
  const { tokens, scales, vectors, grid, class_id, ...others } = line;
  const fault = vectors === undefined || vectors === null ? tokensFault(tokens, scales) : vectorsFault(line);
  if (fault !== undefined) return fault;
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
    return fail(`not JSON; expected ${EXPECTED}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail(`not an object; expected ${EXPECTED}`);
  const fault = faultOf(value as Fields);
  if (fault !== undefined) return fail(fault);
  const { class_id, ...others } = value as TokenLine;
  const line: Record<string, unknown> = { place };
  for (const name of CODES_FIELDS) if (others[name]) line[name] = others[name];
  if (typeof class_id === 'number') line.class_id = class_id;
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
 * The grid that a line names, or the square one of so many tokens.
 * @throws InputError when the tokens do not fill it.
 */
function gridOf(count: number, grid: TokenLine['grid'], place: string): TokenGrid {
  const side = Math.sqrt(count);
  const [height, width] = grid ?? [side, side];
  if (height! * width! !== count || !Number.isInteger(height!))
    throw new InputError(
      `${place}: ${count} tokens do not fill a grid${grid ? ` of ${height}×${width}` : '; name it as "grid": [rows, columns]'}`,
    );
  return { height: height!, width: width! };
}

/**
 * The codes of a line. Whether a tokenizer has such ones, `codesFault` says.
 * @throws InputError when they do not fill their grid.
 */
export function codesOfLine(
  { tokens, scales, vectors, channels = 1, deviations, grid }: TokenLine,
  place: string,
): Codes {
  if (vectors)
    return {
      kind: 'vectors',
      grid: gridOf(vectors.length / channels, grid, place),
      channels,
      tokens: Float32Array.from(vectors),
      ...(deviations && { deviations: Float32Array.from(deviations) }),
    };
  const indices = Int32Array.from(tokens!);
  if (!scales) return { kind: 'indices', grid: gridOf(indices.length, grid, place), tokens: indices };
  const side = scales.at(-1)!;
  return {
    kind: 'scales',
    grid: { height: grid?.[0] ?? side, width: grid?.[1] ?? side },
    sides: scales,
    tokens: indices,
  };
}

/** The fields of a line that hold codes. */
export function lineOfCodes(codes: Codes): TokenLine {
  const { height, width } = codes.grid;
  if (codes.kind !== 'vectors')
    return {
      tokens: Array.from(codes.tokens),
      ...(codes.kind === 'scales' ? { scales: codes.sides } : { grid: [height, width] }),
    };
  const { tokens, channels, deviations } = codes;
  return {
    vectors: Array.from(tokens),
    channels,
    ...(deviations && { deviations: Array.from(deviations) }),
    grid: [height, width],
  };
}
