import { classCondition } from '../conditions/condition.js';
import { orderOf } from '../systems/orders.js';
import { createSampler, type Generator } from '../systems/sampler.js';
import { filledSettings } from '../systems/settings.js';
import type { Target } from '../targets/target.js';
import { spreadImage } from './spreadImage.js';
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
  const { imageSize } = tokenizer.facts;
  const count = Math.min(RECONSTRUCTIONS, source.count);
  const images = await Promise.all(
    Array.from({ length: count }, (_, index) => spreadImage(source, index, count, imageSize)),
  );
  const reconstructions: RgbImage[] = [];
  for (const tokens of await tokenizer.encodeMany(images))
    reconstructions.push(await tokenizer.decode(tokens));
  return gridOfImages([...images, ...reconstructions], count);
}

/** Samples of classes spread over the model's, one column each, from the same random numbers every time. */
export async function sampleGrid(
  generator: Generator,
  tokenizer: Tokenizer,
  target: Target,
): Promise<RgbImage> {
  const { system, config } = generator;
  const facts = system.config.facts(config);
  const { grid } = facts;
  const classes = Math.min(CLASSES_SHOWN, facts.classes);
  const own = system.defaults(config, grid, filledSettings(system.settings));
  const steps = system.choices.steps ? Math.min(SAMPLING_STEPS, own.steps) : own.steps;
  const images = Array.from({ length: classes * SAMPLES_OF_CLASS }, (_, index) => ({
    condition: classCondition(Math.floor(((index % classes) * facts.classes) / classes)),
    index,
    order: orderOf(system, config, grid, {}, { seed: 0, index }),
  }));
  const options = {
    seed: 0,
    steps,
    schedule: own.schedule,
    guidance: GUIDANCE,
    guidanceSchedule: 'constant',
    temperature: 1,
    topK: 0,
    topP: 1,
  } as const;
  const sampler = createSampler(generator, target);
  try {
    const pictures: RgbImage[] = [];
    for (const codes of await sampler.sample(images, options)) pictures.push(await tokenizer.decode(codes));
    return gridOfImages(pictures, classes);
  } finally {
    await sampler.dispose();
  }
}
