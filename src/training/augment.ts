import { uniformFor } from '../random/draws.js';
import { cropForTokens, cropImage, flipImage, type RgbImage } from '../data/image.js';

/** How a training image is varied each time it is drawn. */
export interface Augmentation {
  /** Mirrors every other image. */
  readonly flip: boolean;
  /** The middle, or a square placed at random, of the image scaled to its shorter side. */
  readonly crop: 'center' | 'random';
}

export const NO_AUGMENTATION: Augmentation = { flip: false, crop: 'center' };

/** Random crops are cut from the image at this multiple of the wanted size. */
const CROP_MARGIN = 1.1;

/**
 * The image as `size`×`size` pixels, varied as asked.
 * @param draw tells this time apart from others; the same draw gives the same pixels
 */
export async function augmentImage(
  image: RgbImage,
  size: number,
  { flip, crop }: Augmentation,
  seed: number,
  draw: number,
): Promise<RgbImage> {
  const random = (place: number) => uniformFor(seed, draw, place, 'augmentation');
  const square = async (): Promise<RgbImage> => {
    if (crop === 'center') return (await cropForTokens(image, 'center', size, 1))[0]!;
    const margin = Math.round(size * CROP_MARGIN);
    const larger = (await cropForTokens(image, 'center', margin, 1))[0]!;
    const offset = (place: number) => Math.floor(random(place) * (margin - size + 1));
    return cropImage(larger, offset(1), offset(2), size, size);
  };
  const cut = await square();
  return flip && random(0) < 0.5 ? flipImage(cut) : cut;
}
