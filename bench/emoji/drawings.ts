import type { RgbImage } from '../../src/data/image.js';
import { openImageSource } from '../../src/data/imageSource.js';
import { loadImages, nearestImage, psnr } from '../../test/support/modelMetrics.js';

/** The drawing nearest to a picture, pixel by pixel. */
export interface NearestDrawing {
  /** Its class. */
  readonly label: string;
  /** How near it is, in decibels. */
  readonly psnr: number;
}

/** Finds the nearest of all drawings in a folder of class folders, at a size in pixels. */
export async function openDrawings(
  folder: string,
  size: number,
): Promise<(image: RgbImage) => NearestDrawing> {
  const source = await openImageSource(folder);
  const drawings = await loadImages(source, size);
  return (image) => {
    const { index, squared } = nearestImage(drawings, image);
    return { label: source.labels[source.classOf(index)]!, psnr: psnr(squared) };
  };
}

/** Hits of all, as a percentage. */
export function percentage(hits: number, of: number): string {
  return `${((100 * hits) / of).toFixed(1).padStart(5)} %`;
}
