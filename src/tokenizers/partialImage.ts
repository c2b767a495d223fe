import type { RgbImage } from '../data/image.js';
import type { TokenImage, Tokenizer } from './tokenizer.js';

const UNKNOWN_GREY = 160;

/** The picture of some tokens, with grey where a token is not known yet (−1). */
export async function decodePartial(tokenizer: Tokenizer, { tokens, grid }: TokenImage): Promise<RgbImage> {
  const known = tokens.map((token) => Math.max(0, token));
  const image = await tokenizer.decode({ tokens: known, grid });
  const data = Uint8Array.from(image.data);
  const { factor } = tokenizer;
  for (const [position, token] of tokens.entries()) {
    if (token >= 0) continue;
    const [top, left] = [Math.floor(position / grid.width) * factor, (position % grid.width) * factor];
    for (let row = top; row < top + factor; row++)
      data.fill(UNKNOWN_GREY, (row * image.width + left) * 3, (row * image.width + left + factor) * 3);
  }
  return { ...image, data };
}
