/**
 * Drawings that no training saw with their lower half inpainted, with and without their class: how many have, of all
 * drawings in DATA, one of their class nearest, pixel by pixel; and how many still do with the half left white. DATA is
 * that of the model card without the held-out drawings.
 * `node dist/bench/emojiInpainting.js DATA [HELD-OUT] [MODEL]`
 */
import type { RgbImage } from '../src/data/image.js';
import { openImageSource } from '../src/data/imageSource.js';
import { inpaint } from '../src/library/inpaint.js';
import { load } from '../src/library/model.js';
import { EMOJI_MODEL, HELD_OUT_EMOJI, loadImages } from '../test/support/modelMetrics.js';
import { openDrawings, percentage } from './emoji/drawings.js';

const [data, heldOut = HELD_OUT_EMOJI, folder = EMOJI_MODEL] = process.argv.slice(2);
if (data === undefined) throw new Error('name the folder with the emoji');
const model = await load(folder, { target: 'onnx' });
const size = model.tokenizer.facts.imageSize;
const nearest = await openDrawings(data, size);
const source = await openImageSource(heldOut);
const images = await loadImages(source, size);
const labelOf = (index: number) => source.labels[source.classOf(index)]!;
const mask = new Uint8Array(size * size).fill(255, (size * size) / 2);

function whitened({ width, height, data: pixels }: RgbImage): RgbImage {
  return { width, height, data: pixels.slice().fill(255, pixels.length / 2) };
}

async function drawn(image: RgbImage, picture: number, name: string | null): Promise<RgbImage> {
  return (await inpaint(model, { image, mask }, { class: name, picture, seed: 1 })).image;
}

const ways: Readonly<Record<string, (image: RgbImage, index: number) => Promise<RgbImage>>> = {
  'as they are': async (image) => image,
  'lower half white': async (image) => whitened(image),
  'inpainted, no class': (image, index) => drawn(image, index, null),
  'inpainted, its class': (image, index) => drawn(image, index, labelOf(index)),
};
for (const [way, make] of Object.entries(ways)) {
  let hits = 0;
  for (const [index, image] of images.entries())
    if (nearest(await make(image, index)).label === labelOf(index)) hits++;
  process.stdout.write(`${way.padEnd(24)}${percentage(hits, images.length)} of ${images.length}\n`);
}
await model.dispose();
