import { digitFeatures } from '../../graphs/digitClassifier.js';
import type { RgbImage } from '../../src/data/image.js';
import { joinFeatures } from '../../src/evaluation/featureNetwork.js';
import type { Features } from '../../src/evaluation/moments.js';
import { runDigitNetwork } from '../../test/support/modelMetrics.js';

/** What pictures are compared by. */
export type FindFeatures = (images: readonly RgbImage[]) => Promise<Features>;

/** What the digit classifier's last convolution finds, as a mean over the picture: 32 numbers. */
export const classifierFeatures: FindFeatures = async (images) => {
  const values = await runDigitNetwork(digitFeatures(), 'features', images);
  return { count: images.length, width: values.length / images.length, values: Float32Array.from(values) };
};

/** Tiles along each side. */
const TILES = 4;

/** The mean red, green and blue of 4×4 tiles, from 0 to 1: 48 numbers. The sides must be multiples of 4. */
function tileColours({ width, height, data }: RgbImage): Float32Array {
  const [tileWidth, tileHeight] = [width / TILES, height / TILES];
  const means = new Float32Array(TILES * TILES * 3);
  for (const [at, value] of data.entries()) {
    const pixel = Math.floor(at / 3);
    const column = Math.floor((pixel % width) / tileWidth);
    const row = Math.floor(Math.floor(pixel / width) / tileHeight);
    means[(row * TILES + column) * 3 + (at % 3)]! += value / (255 * tileWidth * tileHeight);
  }
  return means;
}

/** The colours of a picture's tiles; no network that knows emoji is at hand. */
export const colourFeatures: FindFeatures = async (images) =>
  joinFeatures(images.map(tileColours).map((values) => ({ count: 1, width: values.length, values })));
