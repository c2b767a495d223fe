import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { ROOT } from './examples.js';
import type { Workplace } from './workplace.js';

/** Pixels of a picture on a page for one that was drawn, in each direction: small pictures are shown enlarged. */
const scaleOf = (width: number) => (width > 200 ? 1 : width > 64 ? 2 : 4);

/** A picture of a page that one of its examples draws. */
export interface DrawnPicture {
  /** Path from the project's folder. */
  readonly shown: string;
  /** The file that the example wrote. */
  readonly drawn: string;
}

/** The pictures in docs/pictures that a page shows and that its examples wrote under the same names. */
export function drawnPictures(page: string, workplace: Workplace): readonly DrawnPicture[] {
  const shown = readFileSync(join(ROOT, page), 'utf8').matchAll(/(?:docs|\.|\.\.)\/pictures\/([\w-]+\.\w+)/g);
  const names = new Set([...shown].map(([, name]) => name!));
  return [...names]
    .map((name) => ({ shown: `docs/pictures/${name}`, drawn: workplace.path(name) }))
    .filter(({ drawn }) => existsSync(drawn));
}

/**
 * A drawn picture as pages show it: every pixel enlarged, frames and durations as they are, in few colours, since the
 * pictures travel with the package.
 */
export async function enlarged(file: string): Promise<Buffer> {
  const { width } = await sharp(file).metadata();
  const isAnimated = file.endsWith('.gif');
  const scale = isAnimated ? 2 : scaleOf(width!);
  const picture = sharp(file, { animated: true }).resize({ width: width! * scale, kernel: 'nearest' });
  return isAnimated
    ? picture.gif({ effort: 10 }).toBuffer()
    : picture.png({ palette: true, effort: 10, compressionLevel: 9 }).toBuffer();
}

/**
 * How far two pictures of equal size lie apart: the mean difference of their bytes, from 0 to 255; Infinity where the
 * sizes differ.
 */
export async function distance(one: Buffer, other: Buffer): Promise<number> {
  const [a, b] = await Promise.all(
    [one, other].map((file) =>
      sharp(file, { animated: true })
        .removeAlpha()
        .toColourspace('srgb')
        .raw()
        .toBuffer({ resolveWithObject: true }),
    ),
  );
  if (a!.info.width !== b!.info.width || a!.data.length !== b!.data.length) return Infinity;
  let sum = 0;
  for (const [index, byte] of a!.data.entries()) sum += Math.abs(byte - b!.data[index]!);
  return sum / a!.data.length;
}
