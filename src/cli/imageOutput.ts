import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  encodeNpz,
  encodePng,
  gridOfImages,
  OutputError,
  type RgbImage,
  systemReason,
  UsageError,
} from '../index.js';
import { namesFolder } from './baseCommand.js';
import { checkOutput, STREAM, writeOutput } from './streams.js';

/** How images are written. */
export const IMAGE_FORMATS = ['png', 'grid', 'npz'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

const NUMBER_DIGITS = 5;

/** Pictures of one size in the most square grid that holds them; a single one as it is. */
export function arrange(images: readonly RgbImage[]): RgbImage {
  return images.length === 1 ? images[0]! : gridOfImages(images, gridColumns(images.length));
}

/**
 * Writes one picture per step into a folder, several images as a grid.
 * @param frames pictures of each step
 * @returns the files written, in order
 */
export function writeFrames(folder: string, frames: readonly RgbImage[]): readonly string[] {
  ensureFolder(folder);
  return frames.map((frame, step) => {
    const path = join(folder, `step-${String(step + 1).padStart(NUMBER_DIGITS, '0')}.png`);
    writeOutput(path, encodePng(frame));
    return path;
  });
}

/** The most square grid that holds so many pictures. */
function gridColumns(count: number): number {
  return Math.ceil(Math.sqrt(count));
}

/** Creates a folder for output if need be. */
function ensureFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new OutputError(`${path}: cannot be created: ${systemReason(error)}`, error);
  }
}

/**
 * Refuses outputs that cannot be written, and combinations of output and format, before any work is done.
 * @throws UsageError with what to do instead.
 */
export function checkImageOutput(output: string | undefined, format: ImageFormat, count: number): void {
  checkOutput(output);
  const single = output !== undefined && output !== STREAM && !namesFolder(output);
  if (format === 'png' && count > 1 && single)
    throw new UsageError(
      `${count} images do not fit in the file ${output}: name a folder with a slash at the end, or use --format grid`,
    );
}

/**
 * Writes images: one PNG, numbered PNGs in a folder, PNGs one after another on stdout, one PNG with all in a grid,
 * or one `.npz` with an array `arr_0` `[images, height, width, 3]`.
 * @returns the files written, in order; none for stdout
 */
export async function writeImages(
  images: readonly RgbImage[],
  format: ImageFormat,
  output: string | undefined,
): Promise<readonly string[]> {
  const toStdout = output === undefined || output === STREAM;
  if (format === 'grid' || format === 'npz') {
    const bytes =
      format === 'grid'
        ? encodePng(gridOfImages(images, gridColumns(images.length)))
        : await encodeNpz(images);
    writeOutput(output, bytes);
    return toStdout ? [] : [output];
  }
  if (toStdout) {
    for (const image of images) writeOutput(output, encodePng(image));
    return [];
  }
  if (!namesFolder(output)) {
    for (const image of images) writeOutput(output, encodePng(image));
    return [output];
  }
  ensureFolder(output);
  return images.map((image, index) => {
    const path = join(output, `${String(index).padStart(NUMBER_DIGITS, '0')}.png`);
    writeOutput(path, encodePng(image));
    return path;
  });
}
