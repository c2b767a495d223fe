import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../../src/atomicFile.js';
import { openImageSource } from '../../src/data/imageSource.js';

function idx(magic: number, sizes: readonly number[], data: Uint8Array): readonly Uint8Array[] {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  for (const [place, value] of [magic, ...sizes].entries()) header.writeUInt32BE(value, 4 * place);
  return [header, data];
}

/**
 * Writes the first digits of a data set in MNIST's layout, so that all trainings see the same ones.
 * @returns the folder
 */
export async function firstDigits(data: string, count: number, folder: string): Promise<string> {
  const labelsFile = join(folder, 'train-labels-idx1-ubyte');
  if (existsSync(labelsFile)) return folder;
  const source = await openImageSource(data);
  if (source.count < count) throw new Error(`${data}: ${source.count} digits, and --images is ${count}`);
  const { width, height } = await source.image(0);
  const [pixels, labels] = [new Uint8Array(count * width * height), new Uint8Array(count)];
  for (let index = 0; index < count; index++) {
    const { data: rgb } = await source.image(index);
    for (let pixel = 0; pixel < width * height; pixel++)
      pixels[index * width * height + pixel] = rgb[3 * pixel]!;
    labels[index] = Number(source.labels[source.classOf(index)]);
  }
  mkdirSync(folder, { recursive: true });
  writeFileAtomically(join(folder, 'train-images-idx3-ubyte'), idx(0x803, [count, height, width], pixels));
  writeFileAtomically(labelsFile, idx(0x801, [count], labels));
  return folder;
}
