import type { JSONSchemaType } from 'ajv';
import { InputError } from '../errors.js';
import { validator } from '../jsonFile.js';

/** One image's tokens in a stream of JSON lines. */
export interface TokenLine {
  /** In raster order. */
  readonly tokens: readonly number[];
  /** Rows and columns; square when left out. */
  readonly grid?: readonly number[];
  readonly class_id?: number;
  /** File that the image came from. */
  readonly source?: string;
  /** Which of an image's crops this is, from 0. */
  readonly crop?: number;
  /** Whether the image was mirrored. */
  readonly flipped?: boolean;
}

const schema = {
  type: 'object',
  required: ['tokens'],
  properties: {
    tokens: { type: 'array', items: { type: 'integer', minimum: 0 }, minItems: 1 },
    grid: { type: 'array', items: { type: 'integer', minimum: 1 }, minItems: 2, maxItems: 2, nullable: true },
    class_id: { type: 'integer', minimum: 0, nullable: true },
    source: { type: 'string', nullable: true },
    crop: { type: 'integer', minimum: 0, nullable: true },
    flipped: { type: 'boolean', nullable: true },
  },
} as unknown as JSONSchemaType<TokenLine>;

const validate = validator(schema);

/** The line's text, with its line end. */
export function formatTokenLine(line: TokenLine): string {
  return `${JSON.stringify(line)}\n`;
}

/**
 * Reads JSON lines of tokens; empty lines are passed over.
 * @param source their name, for messages
 * @throws InputError naming the source and the line.
 */
export function parseTokenLines(text: string, source: string): readonly TokenLine[] {
  const lines: TokenLine[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const place = `${source}: line ${index + 1}`;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new InputError(`${place}: not JSON; expected {"tokens": […], "grid": [rows, columns]}`);
    }
    lines.push(validate(value, place));
  }
  if (lines.length === 0) throw new InputError(`${source}: it holds no tokens`);
  return lines;
}

/**
 * The grid that a line names, or the square one of its tokens.
 * @throws InputError when the tokens do not fill it.
 */
export function gridOfLine(
  { tokens, grid }: TokenLine,
  place: string,
): { readonly height: number; readonly width: number } {
  const side = Math.sqrt(tokens.length);
  const [height, width] = grid ?? [side, side];
  if (height! * width! !== tokens.length || !Number.isInteger(height!))
    throw new InputError(
      `${place}: ${tokens.length} tokens do not fill a grid${grid ? ` of ${height}×${width}` : '; name it as "grid": [rows, columns]'}`,
    );
  return { height: height!, width: width! };
}
