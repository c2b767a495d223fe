import type { RgbImage } from './image.js';

/** The class of a picture that has none. */
export const UNLABELLED = -1;

/** Pictures of a data set, in a fixed order. */
export interface PictureList {
  readonly count: number;
  /** Names of the classes by index. */
  readonly labels: readonly string[];
  /** A picture's class, `UNLABELLED` where it has none. */
  classOf(index: number): number;
  /** What messages call a picture: its file, or its place in one. */
  placeOf(index: number): string;
  /** @throws InputError naming the picture when it cannot be read. */
  read(index: number): Promise<RgbImage>;
  /** What was chosen or left out when the data set was opened, a line each. */
  readonly notes: readonly string[];
}

/** `[pixels]` → `[pixels, 3]` */
export function greyAsRgb(grey: Uint8Array): Uint8Array {
  const data = new Uint8Array(3 * grey.length);
  for (const [pixel, value] of grey.entries()) data.fill(value, 3 * pixel, 3 * pixel + 3);
  return data;
}
