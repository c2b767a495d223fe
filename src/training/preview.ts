import { randomOrder } from '../sampling/order.js';
import { samplingPlan } from '../sampling/plan.js';
import type { Sampler } from '../sampling/sampler.js';
import { augmentImage, NO_AUGMENTATION } from './augment.js';
import { gridOfImages, type RgbImage } from '../data/image.js';
import type { ImageSource } from '../data/imageSource.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';

const RECONSTRUCTIONS = 8;
const CLASSES_SHOWN = 10;
const SAMPLES_OF_CLASS = 4;
const SAMPLING_STEPS = 32;
const GUIDANCE = 2;

/** Images spread over the data above what the tokenizer makes of them. */
export async function reconstructionGrid(source: ImageSource, tokenizer: Tokenizer): Promise<RgbImage> {
  const { imageSize } = tokenizer.config;
  const count = Math.min(RECONSTRUCTIONS, source.count);
  const images = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const image = await source.image(Math.floor((index * source.count) / count));
      return augmentImage(image, imageSize, NO_AUGMENTATION, 0, 0);
    }),
  );
  const reconstructions: RgbImage[] = [];
  for (const tokens of await tokenizer.encodeMany(images))
    reconstructions.push(await tokenizer.decode(tokens));
  return gridOfImages([...images, ...reconstructions], count);
}

/** Samples of classes spread over the model's, one column each, from the same random numbers every time. */
export async function sampleGrid(sampler: Sampler, tokenizer: Tokenizer): Promise<RgbImage> {
  const classes = Math.min(CLASSES_SHOWN, sampler.config.classes);
  const positions = sampler.grid.height * sampler.grid.width;
  const steps = Math.min(SAMPLING_STEPS, positions);
  const images = Array.from({ length: classes * SAMPLES_OF_CLASS }, (_, index) => ({
    classId: Math.floor(((index % classes) * sampler.config.classes) / classes),
    index,
    plan: samplingPlan({ order: randomOrder(positions, 0, index), steps, schedule: 'arccos' }),
  }));
  const options = {
    seed: 0,
    guidance: GUIDANCE,
    guidanceSchedule: 'constant',
    temperature: 1,
    topK: 0,
    topP: 1,
  } as const;
  const pictures: RgbImage[] = [];
  for (const tokens of await sampler.sample(images, options))
    pictures.push(await tokenizer.decode({ tokens, grid: sampler.grid }));
  return gridOfImages(pictures, classes);
}
