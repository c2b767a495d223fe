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
  type PictureNotes,
  requireEncodable,
  requireScalable,
  type RgbaImage,
  type RgbImage,
  scaleImage,
  type Scaling,
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

/** What a grid looks like: as many columns as it is told, or the most square one. */
interface GridShape {
  readonly columns?: number;
}

/** A file that was written, and the size of its picture where it is one. */
export interface WrittenFile {
  readonly path: string;
  readonly size?: PixelSize;
}

interface PixelSize {
  readonly width: number;
  readonly height: number;
}

/** The size that a picture is written in. */
export function scaledSize({ width, height }: PixelSize, scale: Scaling | undefined): PixelSize {
  const factor = scale?.factor ?? 1;
  return { width: factor * width, height: factor * height };
}

/** Pictures as they are written: larger where that was asked for. */
export function scaledAll(
  images: readonly RgbImage[],
  scale: Scaling | undefined,
): Promise<readonly RgbImage[]> {
  return scale === undefined
    ? Promise.resolve(images)
    : Promise.all(images.map((image) => scaleImage(image, 3, scale)));
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
export function gridColumns(count: number): number {
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
  { width, height }: PixelSize,
  count: number,
  { format, encoding, scale, columns = gridColumns(count) }: OutputChoice<OutputFormat> & GridShape,
): void {
  if (format === 'npz') return;
  const [across, down] = format === 'grid' ? [columns, Math.ceil(count / columns)] : [1, 1];
  const size = { width: across * width, height: down * height };
  if (scale) requireScalable(size, scale);
  const written = scaledSize(size, scale);
  requireEncodable(written.width, written.height, encoding);
}

/** Where the picture of a number goes: into a folder under its number, else to the file or stream itself. */
export function pictureFile(output: string, index: number, encoding: PictureEncoding): string {
  return namesFolder(output) ? join(output, `${digits(index)}${extensionOf(encoding)}`) : output;
}

/**
 * Writes images: one picture, numbered ones in a folder, pictures one after another on stdout, one picture with all in
 * a grid, or one `.npz` with an array `arr_0` `[images, height, width, 3]`.
 * @param notesOf what the file of a picture says besides, by its place; of a grid, all are in the first
 * @returns the files written, in order; none for stdout
 */
export async function writeImages(
  images: readonly RgbImage[],
  choice: OutputChoice<ImageFormat> & GridShape,
  output: string | undefined,
  notesOf: (place: number) => PictureNotes | undefined = () => undefined,
): Promise<readonly WrittenFile[]> {
  const { format, columns = gridColumns(images.length) } = choice;
  if (format === 'npz') {
    await writeOutput(output, await encodeNpz(images));
    return output === undefined || output === STREAM ? [] : [{ path: output }];
  }
  const pictures = format === 'grid' ? [gridOfImages(images, columns)] : images;
  const files: WrittenFile[] = [];
  for (const [index, image] of pictures.entries())
    files.push(...(await writeImage(image, index, choice, output, notesOf(index))));
  return files;
}

/**
 * Writes one of several pictures, into a folder under its number, else to the file or stream itself.
 * @param notes what its file says besides
 * @returns the file written; none for stdout
 */
export async function writeImage(
  image: RgbImage,
  index: number,
  choice: OutputChoice<ImageFormat>,
  output: string | undefined,
  notes?: PictureNotes,
): Promise<readonly WrittenFile[]> {
  const path =
    output === undefined || output === STREAM ? undefined : pictureFile(output, index, choice.encoding);
  await writeOutput(path, await encodeScaled(image, 3, choice, notes));
  return path === undefined ? [] : [{ path, size: scaledSize(image, choice.scale) }];
}

/** A picture's bytes, larger where that was asked for. */
export async function encodeScaled(
  image: RgbImage | RgbaImage,
  channels: 3 | 4,
  { encoding, quality, scale }: Omit<OutputChoice<OutputFormat>, 'format'>,
  notes?: PictureNotes,
): Promise<Uint8Array> {
  const scaled = scale ? await scaleImage(image, channels, scale) : image;
  return encodePicture(scaled, channels, encoding, quality, notes);
}

/** Whether each picture is a file of its own, so that it can be written as soon as it is drawn. */
export function isSeparate(format: ImageFormat): boolean {
  return SEPARATE_FORMATS.includes(format);
}

/** Those of pictures' numbers that a folder holds already. */
export function picturesThere(
  output: string | undefined,
  numbers: readonly number[],
  { encoding }: OutputChoice<ImageFormat>,
): ReadonlySet<number> {
  return new Set(numbers.filter((index) => existsSync(pictureFile(output ?? '', index, encoding))));
}
