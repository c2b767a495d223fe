import type { RgbImage } from '../data/image.js';
import type { ImageSource } from '../data/imageSource.js';
import { augmentImage, NO_AUGMENTATION } from './augment.js';

/** The one at a place, from 0, among so many images spread over a source, at a size in pixels. */
export async function spreadImage(
  source: ImageSource,
  place: number,
  count: number,
  size: number,
): Promise<RgbImage> {
  const image = await source.image(Math.floor((place * source.count) / count));
  return augmentImage(image, size, NO_AUGMENTATION, 0, 0);
}
