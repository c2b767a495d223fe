/** Rows and columns of tokens. */
export interface TokenGrid {
  readonly height: number;
  readonly width: number;
}

/** One index for each position of a grid. */
export interface IndexCodes {
  readonly kind: 'indices';
  readonly grid: TokenGrid;
  /** In raster order. */
  readonly tokens: Int32Array;
}

/** Indices of several grids, each finer than the one before: what it tells is added to what those tell. */
export interface ScaleCodes {
  readonly kind: 'scales';
  /** Of the finest scale that a picture can have. */
  readonly grid: TokenGrid;
  /** Tokens along both axes of each scale that is there; where finer ones are missing, the picture is coarse. */
  readonly sides: readonly number[];
  /** Scale by scale, each in raster order. */
  readonly tokens: Int32Array;
}

/** A vector of numbers for each position of a grid. */
export interface VectorCodes {
  readonly kind: 'vectors';
  readonly grid: TokenGrid;
  readonly channels: number;
  /** `[positions, channels]` in raster order. */
  readonly tokens: Float32Array;
  /** The standard deviation of each number, where the tokenizer gives one: the vectors are the means. */
  readonly deviations?: Float32Array;
}

/** What a tokenizer makes of a picture, and a generator draws. */
export type Codes = IndexCodes | ScaleCodes | VectorCodes;

/**
 * What a tokenizer must speak: one index for each position of a grid; indices for each of several scales; or a vector of
 * numbers for each position.
 */
export type CodesKind = Codes['kind'];

/** Codes of one grid, each of a position. */
export type GridCodes = IndexCodes | VectorCodes;

/** Codes as the numbers that they are: indices, −1 where unknown, or the vectors' numbers, NaN where unknown. */
export type Tokens = Codes['tokens'];

/** What all codes of a tokenizer have in common. */
export type CodesShape =
  | { readonly kind: 'indices'; readonly vocabulary: number }
  | {
      readonly kind: 'scales';
      readonly vocabulary: number;
      readonly sides: readonly number[];
      /** Of what they add up to, a vector for each position of the finest, where pictures may come as that. */
      readonly channels?: number;
    }
  | { readonly kind: 'vectors'; readonly channels: number };

/** What codes have in common but for their codebook. */
export type CodesForm =
  | { readonly kind: 'indices' }
  | { readonly kind: 'scales'; readonly sides: readonly number[] }
  | { readonly kind: 'vectors'; readonly channels: number };

export function formOf(shape: CodesForm): CodesForm {
  if (shape.kind === 'vectors') return { kind: 'vectors', channels: shape.channels };
  return shape.kind === 'scales' ? { kind: 'scales', sides: shape.sides } : { kind: 'indices' };
}

/** What codes are, in words, but for their codebook: `vectors of 16 channels`. */
export function describeForm(form: CodesForm): string {
  if (form.kind === 'vectors') return `vectors of ${form.channels} channels`;
  return form.kind === 'scales'
    ? `indices on ${form.sides.length} scales (${form.sides.join(', ')})`
    : 'indices';
}

/** Codes of the codebook; 0 where there is none. */
export function vocabularyOf(shape: CodesShape): number {
  return shape.kind === 'vectors' ? 0 : shape.vocabulary;
}

/** Tokens of scales of such sides. */
export function tokensOfSides(sides: readonly number[]): number {
  return sides.reduce((sum, side) => sum + side ** 2, 0);
}

/** Indices or vectors of a picture whose finest grid is this one. */
export function tokenCount(shape: CodesShape, { height, width }: TokenGrid): number {
  return shape.kind === 'scales' ? tokensOfSides(shape.sides) : height * width;
}

/** Numbers that the codes of such a picture are made of. */
export function codesLength(shape: CodesShape, grid: TokenGrid): number {
  return tokenCount(shape, grid) * (shape.kind === 'vectors' ? shape.channels : 1);
}

/** The codes of a whole picture that are these numbers. */
export function codesOf(shape: CodesShape, grid: TokenGrid, tokens: Tokens): Codes {
  if (shape.kind === 'vectors')
    return { kind: 'vectors', grid, channels: shape.channels, tokens: tokens as Float32Array };
  const indices = tokens as Int32Array;
  return shape.kind === 'scales'
    ? { kind: 'scales', grid, sides: shape.sides, tokens: indices }
    : { kind: 'indices', grid, tokens: indices };
}

/** What such codes are, in words: `indices of a codebook of 4096`. */
export function describeCodes(shape: CodesShape): string {
  const form = describeForm(shape);
  return shape.kind === 'vectors' ? form : `${form} of a codebook of ${shape.vocabulary}`;
}

/** Whether codes are alike but for their codebooks. */
export function areAlike(one: CodesForm, other: CodesForm): boolean {
  return describeForm(one) === describeForm(other);
}

/** Whether scales are the first of others. */
function areFirstOf(sides: readonly number[], all: readonly number[]): boolean {
  return sides.length > 0 && sides.length <= all.length && sides.every((side, place) => side === all[place]);
}

function sizesFault(shape: CodesShape, codes: Codes): string | undefined {
  const { grid, tokens } = codes;
  if (codes.kind === 'scales') {
    const { sides } = shape as { readonly sides: readonly number[] };
    if (!areFirstOf(codes.sides, sides))
      return `scales ${codes.sides.join(', ')} where the tokenizer has ${sides.join(', ')}, of which the first must be there`;
    const count = tokensOfSides(codes.sides);
    return tokens.length === count
      ? undefined
      : `${tokens.length} tokens do not fill scales of ${codes.sides.join(', ')}`;
  }
  const positions = grid.height * grid.width;
  if (codes.kind === 'indices')
    return tokens.length === positions
      ? undefined
      : `${tokens.length} tokens do not fill a grid of ${grid.height}×${grid.width}`;
  const { channels } = shape as { readonly channels: number };
  if (codes.channels !== channels)
    return `vectors of ${codes.channels} channels where the tokenizer has ${channels}`;
  const wrong = [codes.tokens, ...(codes.deviations ? [codes.deviations] : [])].find(
    ({ length }) => length !== positions * channels,
  );
  return (
    wrong &&
    `${wrong.length} numbers do not fill a grid of ${grid.height}×${grid.width} and ${channels} channels`
  );
}

/** Codes of zeros, of a whole picture. */
export function blankCodes(shape: CodesShape, grid: TokenGrid): Codes {
  const length = codesLength(shape, grid);
  return codesOf(shape, grid, shape.kind === 'vectors' ? new Float32Array(length) : new Int32Array(length));
}

/** Why numbers cannot be a tokenizer's codes; undefined where they can. */
export function numbersFault(shape: CodesShape, tokens: ArrayLike<number>): string | undefined {
  for (let place = 0; place < tokens.length; place++) {
    const token = tokens[place]!;
    if (shape.kind === 'vectors') {
      if (!Number.isFinite(token)) return `number ${place} is ${token}`;
    } else if (!(token >= 0 && token < shape.vocabulary))
      return `token ${token} is outside the codebook of ${shape.vocabulary}`;
  }
  return undefined;
}

/** Why vectors cannot be what scales add up to; undefined where they can. @param side of the finest scale */
function sumsFault(shape: CodesShape, side: number, codes: VectorCodes): string | undefined {
  const { height, width } = codes.grid;
  if (height !== side || width !== side)
    return `vectors on a grid of ${height}×${width} where the tokenizer's finest scale has ${side}×${side}`;
  return codesFault(shape, codes);
}

/** Why codes cannot be a tokenizer's; undefined where they can. */
export function codesFault(shape: CodesShape, codes: Codes): string | undefined {
  if (shape.kind === 'scales' && codes.kind === 'vectors' && shape.channels !== undefined)
    return sumsFault({ kind: 'vectors', channels: shape.channels }, shape.sides.at(-1)!, codes);
  if (codes.kind !== shape.kind) return `${codes.kind} where the tokenizer has ${describeCodes(shape)}`;
  return (
    sizesFault(shape, codes) ??
    numbersFault(shape, codes.tokens) ??
    (codes.kind === 'vectors' && codes.deviations ? numbersFault(shape, codes.deviations) : undefined)
  );
}

/** Whether a position's code is known: it has an index, not −1, or a vector, not NaN. */
export function isKnown(codes: GridCodes, position: number): boolean {
  return codes.kind === 'vectors'
    ? !Number.isNaN(codes.tokens[position * codes.channels]!)
    : codes.tokens[position]! >= 0;
}

/** How many of the tokens or vectors are known. */
export function countKnown(codes: Codes): number {
  if (codes.kind === 'scales') return codes.tokens.reduce((count, token) => count + (token >= 0 ? 1 : 0), 0);
  let count = 0;
  for (let position = 0; position < codes.grid.height * codes.grid.width; position++)
    if (isKnown(codes, position)) count++;
  return count;
}

/** Codes of their own, which do not change with others that they were made of. */
export function copyCodes<T extends Codes>(codes: T): T {
  return { ...codes, tokens: codes.tokens.slice() };
}
