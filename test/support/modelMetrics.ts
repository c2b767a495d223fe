import { fileURLToPath } from 'node:url';
import { arpgTeacherForced } from '../../graphs/arpg.js';
import { digitClassifier } from '../../graphs/digitClassifier.js';
import { arpgConfig } from '../../src/systems/arpgConfig.js';
import { randomOrder } from '../../src/sampling/order.js';
import { samplingPlan } from '../../src/sampling/plan.js';
import { createSampler, type SamplingOptions } from '../../src/sampling/sampler.js';
import { openGenerator, openTokenizer } from '../../src/models/modelFolder.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import type { RgbImage } from '../../src/data/image.js';
import { type ImageSource, openImageSource } from '../../src/data/imageSource.js';
import { resolveSettings } from '../../src/library/settings.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { intTensor } from '../../src/targets/target.js';
import { vqConfig } from '../../src/tokenizers/vqConfig.js';
import {
  createTokenizer,
  imageSignal,
  type Tokenizer,
  type TokenImage,
} from '../../src/tokenizers/tokenizer.js';
import { augmentImage, NO_AUGMENTATION } from '../../src/training/augment.js';

const fixtures = fileURLToPath(new URL('../../../fixtures/', import.meta.url));
const target = onnxTarget({ threads: 2 });
const BATCH = 50;
const SEED = 1;

/** Images that no training saw. */
export const HELD_OUT_DIGITS = `${fixtures}digits/held-out`;
export const DIGITS_MODEL = `${fixtures}models/digits`;
export const HELD_OUT_EMOJI = `${fixtures}emoji/held-out`;
export const EMOJI_MODEL = `${fixtures}models/emoji`;

/** As `arpg sample` does unless told otherwise. */
export function defaultSampling(model: string): SamplingOptions {
  const { sampling, config } = openGenerator(model);
  return resolveSettings({ seed: SEED }, config.block_size, sampling);
}

/** What a tokenizer keeps of images. */
export interface ReconstructionMetrics {
  /** Peak signal-to-noise ratio over all pixels, in decibels. */
  readonly psnr: number;
  /** Share of the codebook's rows chosen at least once. */
  readonly codebookUse: number;
  readonly tokens: readonly TokenImage[];
}

/** All images of a source at a tokenizer's size. */
export async function loadImages(source: ImageSource, size: number): Promise<readonly RgbImage[]> {
  return Promise.all(
    Array.from({ length: source.count }, async (_, index) =>
      augmentImage(await source.image(index), size, NO_AUGMENTATION, 0, 0),
    ),
  );
}

function batches<T>(items: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / BATCH) }, (_, index) =>
    items.slice(index * BATCH, (index + 1) * BATCH),
  );
}

/** Mean over all pixels of two images of one size. */
export function squaredDifference(a: RgbImage, b: RgbImage): number {
  let sum = 0;
  for (let place = 0; place < a.data.length; place++) sum += (a.data[place]! - b.data[place]!) ** 2;
  return sum / a.data.length;
}

/** The image that differs least from another of its size, the first of equals, and its mean squared difference. */
export function nearestImage(
  images: readonly RgbImage[],
  { data: wanted }: RgbImage,
): { readonly index: number; readonly squared: number } {
  let [nearest, least] = [0, Number.POSITIVE_INFINITY];
  for (const [index, { data }] of images.entries()) {
    let sum = 0;
    // Most images are out of the question after a few pixels.
    for (let place = 0; place < wanted.length && sum < least; place++)
      sum += (data[place]! - wanted[place]!) ** 2;
    if (sum < least) [nearest, least] = [index, sum];
  }
  return { index: nearest, squared: least / wanted.length };
}

/** Peak signal-to-noise ratio of a mean squared difference, in decibels. */
export function psnr(meanSquared: number): number {
  return 10 * Math.log10(255 ** 2 / meanSquared);
}

export async function reconstructionMetrics(
  tokenizer: Tokenizer,
  images: readonly RgbImage[],
): Promise<ReconstructionMetrics> {
  const tokens: TokenImage[] = [];
  for (const part of batches(images)) tokens.push(...(await tokenizer.encodeMany(part)));
  let squared = 0;
  for (const [index, image] of images.entries())
    squared += squaredDifference(await tokenizer.decode(tokens[index]!), image);
  const used = new Set(tokens.flatMap((image) => Array.from(image.tokens)));
  return {
    psnr: psnr(squared / images.length),
    codebookUse: used.size / tokenizer.config.codebookSize,
    tokens,
  };
}

/** Mean cross-entropy of a generator, in nats per token, under random orders. */
export async function heldOutLoss(
  model: string,
  images: readonly TokenImage[],
  classOf: (index: number) => number,
): Promise<number> {
  const { config, weights } = openGenerator(model);
  const executable = await target.compile(arpgTeacherForced(arpgConfig(config)), { weights });
  let total = 0;
  for (const part of batches(images.map((image, index) => ({ image, index })))) {
    const shape = [part.length, config.block_size];
    const { loss } = await executable.run(
      {
        tokens: intTensor(
          shape,
          part.flatMap(({ image }) => Array.from(image.tokens)),
        ),
        class_ids: intTensor(
          [part.length],
          part.map(({ index }) => classOf(index)),
        ),
        orders: intTensor(
          shape,
          part.flatMap(({ index }) => randomOrder(config.block_size, SEED, index)),
        ),
      },
      ['loss'],
    );
    total += (await loss!.read()).data[0]! * part.length;
  }
  await executable.dispose();
  return total / images.length;
}

/** Side of the pictures that the classifier was trained on. */
const CLASSIFIED_SIDE = 28;

/** The class that the digit classifier sees in each image; images of another size are scaled. */
export async function classifyDigits(given: readonly RgbImage[]): Promise<readonly number[]> {
  const images = await Promise.all(
    given.map((image) => augmentImage(image, CLASSIFIED_SIDE, NO_AUGMENTATION, 0, 0)),
  );
  const weights = openSafetensors(`${fixtures}digits/classifier.safetensors`).tensors;
  const executable = await target.compile(digitClassifier(), { weights });
  const classIds: number[] = [];
  for (const part of batches(images)) {
    const { class_ids: found } = await executable.run({ image: imageSignal(part) });
    classIds.push(...(await found!.read()).data);
  }
  await executable.dispose();
  return classIds;
}

/** Samples of all classes in turn. */
export async function sampleModel(
  model: string,
  count: number,
  options: SamplingOptions = defaultSampling(model),
): Promise<{ readonly images: readonly RgbImage[]; readonly classIds: readonly number[] }> {
  const { config, weights } = openGenerator(model);
  const sampler = await createSampler(arpgConfig(config), weights, target);
  const tokenizer = openShippedTokenizer(model);
  const positions = config.block_size;
  const wanted = Array.from({ length: count }, (_, index) => ({
    classId: index % config.num_classes,
    index,
    plan: samplingPlan({
      order: randomOrder(positions, SEED, index),
      steps: Math.min(64, positions),
      schedule: 'arccos',
    }),
  }));
  const images: RgbImage[] = [];
  for (const part of batches(wanted))
    for (const tokens of await sampler.sample(part, options))
      images.push(await tokenizer.decode({ tokens, grid: sampler.grid }));
  await Promise.all([sampler.dispose(), tokenizer.dispose()]);
  return { images, classIds: wanted.map(({ classId }) => classId) };
}

/** The tokenizer of a model, ready to run. */
export function openShippedTokenizer(model: string): Tokenizer {
  const { config, weights } = openTokenizer(model);
  return createTokenizer(vqConfig(config), weights, target);
}

function shareOfEqual(found: readonly number[], wanted: readonly number[]): number {
  return found.filter((value, index) => value === wanted[index]).length / wanted.length;
}

/** A model's figures on images that no training saw. */
export interface ModelMetrics {
  /** Nats per token under random orders. */
  readonly heldOutLoss: number;
  readonly psnr: number;
  readonly codebookUse: number;
}

export interface DigitsMetrics extends ModelMetrics {
  /** Share of real held-out digits that the classifier recognises. */
  readonly classifierAccuracy: number;
  /** Share of sampled digits in which the classifier sees the class asked for. */
  readonly sampleAccuracy: number;
}

/** Held-out images with their classes as the model numbers them. */
async function heldOutImages(folder: string, model: string) {
  const source = await openImageSource(folder);
  const { labels } = openGenerator(model);
  const images = await loadImages(source, openTokenizer(model).config.image_size);
  const classIds = images.map((_, index) => labels.indexOf(source.labels[source.classOf(index)]!));
  return { images, classIds };
}

async function modelMetrics(
  model: string,
  images: readonly RgbImage[],
  classIds: readonly number[],
): Promise<ModelMetrics> {
  const tokenizer = openShippedTokenizer(model);
  const { tokens, psnr, codebookUse } = await reconstructionMetrics(tokenizer, images);
  await tokenizer.dispose();
  return { psnr, codebookUse, heldOutLoss: await heldOutLoss(model, tokens, (index) => classIds[index]!) };
}

/** The digits model's figures. */
export async function digitsMetrics(samples: number, model = DIGITS_MODEL): Promise<DigitsMetrics> {
  const { images, classIds } = await heldOutImages(HELD_OUT_DIGITS, model);
  const sampled = await sampleModel(model, samples);
  return {
    classifierAccuracy: shareOfEqual(await classifyDigits(images), classIds),
    sampleAccuracy: shareOfEqual(await classifyDigits(sampled.images), sampled.classIds),
    ...(await modelMetrics(model, images, classIds)),
  };
}

/** The emoji model's figures. */
export async function emojiMetrics(model = EMOJI_MODEL): Promise<ModelMetrics> {
  const { images, classIds } = await heldOutImages(HELD_OUT_EMOJI, model);
  return modelMetrics(model, images, classIds);
}
