import type { CodesShape, IndexCodes, TokenGrid } from '../../src/codes.js';
import type { KnownCodes } from '../../src/sampling/request.js';

/** Some tokens of a picture that are given, by raster position. */
export function knownTokens(
  positions: number,
  given: readonly (readonly [position: number, token: number])[],
): KnownCodes {
  const tokens = new Int32Array(positions);
  for (const [position, token] of given) tokens[position] = token;
  return { tokens, keep: new Set(given.map(([position]) => position)) };
}

/** Indices below a number. */
export function indicesBelow(vocabulary: number): CodesShape {
  return { kind: 'indices', vocabulary };
}

/** Codes of one grid; a square one where none is given. */
export function indexCodes(tokens: ArrayLike<number>, grid?: TokenGrid): IndexCodes {
  const side = Math.sqrt(tokens.length);
  return { kind: 'indices', grid: grid ?? { height: side, width: side }, tokens: Int32Array.from(tokens) };
}
