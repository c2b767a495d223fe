import { fileURLToPath } from 'node:url';
import { digitClassifier } from '../../graphs/digitClassifier.js';
import type { Graph } from '../../src/graph/graph.js';
import { classCondition } from '../../src/conditions/condition.js';
import { samplePictures } from '../../src/sampling/samplePictures.js';
import { orderOf } from '../../src/systems/orders.js';
import { createSampler } from '../../src/systems/sampler.js';
import { type GeneratorModel, openGenerator, openTokenizer } from '../../src/models/modelFolder.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import type { RgbImage } from '../../src/data/image.js';
import { type ImageSource, openImageSource } from '../../src/data/imageSource.js';
import { type FullSettings, resolveSettings } from '../../src/library/settings.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { imageSignal } from '../../src/tokenizers/pixelSignal.js';
import { createTokenizer, type Tokenizer } from '../../src/tokenizers/tokenizer.js';
import { augmentImage, NO_AUGMENTATION } from '../../src/training/augment.js';
import { type Codes, vocabularyOf } from '../../src/codes.js';

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
export function defaultSampling(model: string): FullSettings {
  const generator = openGenerator(model);
  return resolveSettings({ seed: SEED }, generator, generator.system.config.facts(generator.config).grid);
}

/** What a tokenizer keeps of images. */
export interface ReconstructionMetrics {
  /** Peak signal-to-noise ratio over all pixels, in decibels. */
  readonly psnr: number;
  /** Share of the codebook's rows chosen at least once. */
  readonly codebookUse: number;
  readonly tokens: readonly Codes[];
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
  const tokens: Codes[] = [];
  for (const part of batches(images)) tokens.push(...(await tokenizer.encodeMany(part)));
  let squared = 0;
  for (const [index, image] of images.entries())
    squared += squaredDifference(await tokenizer.decode(tokens[index]!), image);
  const used = new Set(tokens.flatMap((image) => Array.from(image.tokens)));
  return {
    psnr: psnr(squared / images.length),
    codebookUse: used.size / vocabularyOf(tokenizer.facts.codes),
    tokens,
  };
}

/** Mean cross-entropy of a generator, in nats per token, under random orders where its system draws in such. */
export async function heldOutLoss(
  { system, config, weights }: GeneratorModel,
  images: readonly Codes[],
  classOf: (index: number) => number,
): Promise<number> {
  const { graph, batch } = system.training(config);
  const executable = await target.compile(graph, { weights });
  let total = 0;
  for (const part of batches(images.map((image, index) => ({ image, index })))) {
    const examples = part.map(({ image: codes, index }) => ({
      codes,
      condition: classCondition(classOf(index)),
      draw: index,
    }));
    const { loss } = await executable.run(batch(examples, SEED), ['loss']);
    total += (await loss!.read()).data[0]! * part.length;
  }
  await executable.dispose();
  return total / images.length;
}

/** Side of the pictures that the classifier was trained on. */
const CLASSIFIED_SIDE = 28;

/** An output of a network with the digit classifier's weights, image after image; images of another size are scaled. */
export async function runDigitNetwork(
  graph: Graph,
  output: string,
  given: readonly RgbImage[],
): Promise<readonly number[]> {
  const images = await Promise.all(
    given.map((image) => augmentImage(image, CLASSIFIED_SIDE, NO_AUGMENTATION, 0, 0)),
  );
  const weights = openSafetensors(`${fixtures}digits/classifier.safetensors`).tensors;
  const executable = await target.compile(graph, { weights });
  const values: number[] = [];
  for (const part of batches(images)) {
    const found = await executable.run({ image: imageSignal(part) });
    values.push(...(await found[output]!.read()).data);
  }
  await executable.dispose();
  return values;
}

/** The class that the digit classifier sees in each image. */
export function classifyDigits(images: readonly RgbImage[]): Promise<readonly number[]> {
  return runDigitNetwork(digitClassifier(), 'class_ids', images);
}

/** Samples of all classes in turn. */
export async function sampleModel(
  model: string,
  count: number,
  options: FullSettings = defaultSampling(model),
): Promise<{ readonly images: readonly RgbImage[]; readonly classIds: readonly number[] }> {
  const generator = openGenerator(model);
  const { system, config } = generator;
  const { grid, classes } = system.config.facts(config);
  const sampler = createSampler(generator, target);
  const tokenizer = openShippedTokenizer(model);
  const classIds = Array.from({ length: count }, (_, index) => index % classes);
  const sampled = await samplePictures(
    sampler,
    classIds.map((classId, index) => ({ index, condition: classCondition(classId) })),
    {
      ...options,
      orderOf: (index) => orderOf(system, config, grid, options, { seed: options.seed, index }),
      batch: BATCH,
    },
  );
  const images: RgbImage[] = [];
  for (const codes of sampled) images.push(await tokenizer.decode(codes));
  await Promise.all([sampler.dispose(), tokenizer.dispose()]);
  return { images, classIds };
}

/** The tokenizer of a model, ready to run. */
export function openShippedTokenizer(model: string): Tokenizer {
  return createTokenizer(openTokenizer(model), target);
}

/** Share of values that are those wanted. */
export function shareOfEqual(found: readonly number[], wanted: readonly number[]): number {
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
export async function heldOutImages(folder: string, model: string) {
  const source = await openImageSource(folder);
  const { labels } = openGenerator(model);
  const { kind, config } = openTokenizer(model);
  const images = await loadImages(source, kind.facts(config).imageSize);
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
  const loss = await heldOutLoss(openGenerator(model), tokens, (index) => classIds[index]!);
  return { psnr, codebookUse, heldOutLoss: loss };
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
