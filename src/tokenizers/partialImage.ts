import { type Codes, type GridCodes, isKnown, type ScaleCodes, tokensOfSides } from '../codes.js';
import type { RgbImage } from '../data/image.js';
import type { Tokenizer } from './tokenizer.js';

const UNKNOWN_GREY = 160;

/** How many of the scales, from the coarsest, are known whole. */
export function knownScales({ sides, tokens }: ScaleCodes): number {
  let start = 0;
  for (const [scale, side] of sides.entries()) {
    const end = start + side ** 2;
    if (tokens.subarray(start, end).some((token) => token < 0)) return scale;
    start = end;
  }
  return sides.length;
}

/**
 * The picture of codes of which some are not known yet: grey where a token is missing, coarse where the finer scales
 * are, all grey where nothing is known.
 */
export async function decodePartial(tokenizer: Tokenizer, codes: Codes): Promise<RgbImage> {
  const { factor } = tokenizer;
  const { grid } = codes;
  const size = { width: grid.width * factor, height: grid.height * factor };
  if (codes.kind === 'scales') {
    const sides = codes.sides.slice(0, knownScales(codes));
    if (sides.length === 0)
      return { ...size, data: new Uint8Array(size.width * size.height * 3).fill(UNKNOWN_GREY) };
    return tokenizer.decode({ ...codes, sides, tokens: codes.tokens.slice(0, tokensOfSides(sides)) });
  }
  const image = await tokenizer.decode(filled(codes));
  const data = Uint8Array.from(image.data);
  for (let position = 0; position < grid.height * grid.width; position++) {
    if (isKnown(codes, position)) continue;
    const [top, left] = [Math.floor(position / grid.width) * factor, (position % grid.width) * factor];
    for (let row = top; row < top + factor; row++)
      data.fill(UNKNOWN_GREY, (row * size.width + left) * 3, (row * size.width + left + factor) * 3);
  }
  return { ...image, data };
}

/** Codes that have something in place of what is not known. */
function filled(codes: GridCodes): Codes {
  return codes.kind === 'vectors'
    ? { ...codes, tokens: codes.tokens.map((number) => (Number.isNaN(number) ? 0 : number)) }
    : { ...codes, tokens: codes.tokens.map((token) => Math.max(0, token)) };
}
