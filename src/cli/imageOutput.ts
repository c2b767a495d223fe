import { makeFolder } from '../files/makeFolder.js';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  encodeNpz,
  encodePicture,
  encodePng,
  gridOfImages,
  OutputError,
  type PictureEncoding,
  requireEncodable,
  type RgbImage,
  systemReason,
  UsageError,
} from '../index.js';
import { namesFolder } from './baseCommand.js';
import { extensionOf, type OutputChoice, type OutputFormat } from './outputFormat.js';
import { checkOutput, STREAM, writeOutput } from './streams.js';

/** How images are written. */
export const IMAGE_FORMATS = ['png', 'jpeg', 'webp', 'grid', 'npz'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/** Formats with one picture a file; the others hold all in one. */
const SEPARATE_FORMATS: readonly OutputFormat[] = ['png', 'jpeg', 'webp'];
/** Formats that go into a folder: pictures, each under a name of its own. */
const FOLDER_FORMATS: readonly OutputFormat[] = [...SEPARATE_FORMATS, 'grid'];
const NUMBER_DIGITS = 5;

/** Pictures of one size in the most square grid that holds them; a single one as it is. */
export function arrange(images: readonly RgbImage[]): RgbImage {
  return images.length === 1 ? images[0]! : gridOfImages(images, gridColumns(images.length));
}

/** A number in a file's name. */
function digits(index: number): string {
  return String(index).padStart(NUMBER_DIGITS, '0');
}

/**
 * Writes one picture per step into a folder, several images as a grid.
 * @param frames pictures of each step
 * @returns the files written, in order
 */
export async function writeFrames(folder: string, frames: readonly RgbImage[]): Promise<readonly string[]> {
  ensureFolder(folder);
  const files = frames.map((_, step) => join(folder, `step-${digits(step + 1)}.png`));
  for (const [step, frame] of frames.entries()) await writeOutput(files[step], encodePng(frame));
  return files;
}

/** The most square grid that holds so many pictures. */
function gridColumns(count: number): number {
  return Math.ceil(Math.sqrt(count));
}

/** Creates a folder for output if need be. */
export function ensureFolder(path: string): void {
  try {
    makeFolder(path);
  } catch (error) {
    throw new OutputError(`${path}: cannot be created: ${systemReason(error)}`, error);
  }
}

/** Whether an output is one file, neither a folder nor stdout. */
export function isSingleFile(output: string | undefined): output is string {
  return output !== undefined && output !== STREAM && !namesFolder(output);
}

/**
 * Refuses outputs that cannot be written, and combinations of output and format, before any work is done.
 * @throws UsageError with what to do instead.
 */
export function checkImageOutput(output: string | undefined, format: OutputFormat, count: number): void {
  checkOutput(output);
  if (!FOLDER_FORMATS.includes(format) && output !== undefined && output !== STREAM && namesFolder(output))
    throw new UsageError(`${output} is a folder, and ${format} is one file: name one in it with -o`);
  if (SEPARATE_FORMATS.includes(format) && count > 1 && isSingleFile(output))
    throw new UsageError(
      `${count} images do not fit in the file ${output}: name a folder with a slash at the end, or use --format grid`,
    );
}

/**
 * Refuses pictures that are larger than the format can hold, before they are drawn.
 * @param size of one picture
 */
export function checkImageSize(
  { width, height }: { readonly width: number; readonly height: number },
  count: number,
  { format, encoding }: OutputChoice<ImageFormat>,
): void {
  if (format === 'npz') return;
  const columns = format === 'grid' ? gridColumns(count) : 1;
  const rows = format === 'grid' ? Math.ceil(count / columns) : 1;
  requireEncodable(columns * width, rows * height, encoding);
}

/** Where the picture of a number goes: into a folder under its number, else to the file or stream itself. */
export function pictureFile(output: string, index: number, encoding: PictureEncoding): string {
  return namesFolder(output) ? join(output, `${digits(index)}${extensionOf(encoding)}`) : output;
}

/**
 * Writes images: one picture, numbered ones in a folder, pictures one after another on stdout, one picture with all in
 * a grid, or one `.npz` with an array `arr_0` `[images, height, width, 3]`.
 * @returns the files written, in order; none for stdout
 */
export async function writeImages(
  images: readonly RgbImage[],
  { format, encoding, quality }: OutputChoice<ImageFormat>,
  output: string | undefined,
): Promise<readonly string[]> {
  const toStdout = output === undefined || output === STREAM;
  if (format === 'npz') {
    const bytes = await encodeNpz(images);
    await writeOutput(output, bytes);
    return toStdout ? [] : [output];
  }
  const pictures = format === 'grid' ? [gridOfImages(images, gridColumns(images.length))] : images;
  const files: string[] = [];
  for (const [index, image] of pictures.entries())
    files.push(...(await writeImage(image, index, { format, encoding, quality }, output)));
  return files;
}

/**
 * Writes one of several pictures, into a folder under its number, else to the file or stream itself.
 * @returns the file written; none for stdout
 */
export async function writeImage(
  image: RgbImage,
  index: number,
  { encoding, quality }: OutputChoice<ImageFormat>,
  output: string | undefined,
): Promise<readonly string[]> {
  const path = output === undefined || output === STREAM ? undefined : pictureFile(output, index, encoding);
  const bytes = await encodePicture(image, 3, encoding, quality);
  await writeOutput(path, bytes);
  return path === undefined ? [] : [path];
}

/** Whether each picture is a file of its own, so that it can be written as soon as it is drawn. */
export function isSeparate(format: ImageFormat): boolean {
  return SEPARATE_FORMATS.includes(format);
}

/** Numbers of the pictures that a folder holds already. */
export function picturesThere(
  output: string | undefined,
  count: number,
  { encoding }: OutputChoice<ImageFormat>,
): ReadonlySet<number> {
  const numbers = Array.from({ length: count }, (_, index) => index);
  return new Set(numbers.filter((index) => existsSync(pictureFile(output ?? '', index, encoding))));
}
