import { load, type Model } from '../../src/library/model.js';
import { sample } from '../../src/library/sample.js';
import type { RgbImage } from '../../src/data/image.js';
import type { Tokenizer } from '../../src/tokenizers/tokenizer.js';
import {
  classifyDigits,
  heldOutImages,
  heldOutLoss,
  psnr,
  shareOfEqual,
  squaredDifference,
} from '../../test/support/modelMetrics.js';
import type { FindFeatures } from './features.js';
import { frechetDistance } from '../../src/evaluation/frechetDistance.js';
import { gaussianOf, momentsOf } from '../../src/evaluation/moments.js';
import { doubleProduct } from '../../src/targets/onnx/doubleProduct.js';
import type { Codes, Tokens } from '../../src/codes.js';

/** Pictures that a model drew, and what with. */
interface Drawn {
  /** Of each picture, in raster order. */
  readonly tokens: readonly Tokens[];
  /** The same after the first step, −1 where unknown. */
  readonly first: readonly Tokens[];
  readonly images: readonly RgbImage[];
}

/** A kind of pictures: a shipped model, real ones that no training saw, and what tells them apart. */
export interface Subject {
  readonly heldOut: string;
  readonly features: FindFeatures;
  /** Whether the digit classifier can tell what is drawn. */
  readonly areDigits: boolean;
}

/** What was measured in one precision; left out where it compares with single precision, and that is what this is. */
export interface PrecisionFigures {
  /** Share of samples in which the classifier sees the class asked for. */
  readonly recognised?: number;
  /** Nats a token on held-out pictures. */
  readonly heldOutLoss: number;
  /** Squared Fréchet distance of samples to held-out pictures. */
  readonly toHeldOut: number;
  /** Squared Fréchet distance to the samples of fp32; in fp32 to those of another seed. */
  readonly toSamples: number;
  /** Shares of tokens that are those of fp32, for the same seeds, in the first step and at the end. */
  readonly firstTokens?: number;
  readonly allTokens?: number;
  /** Share of the held-out pictures' tokens that are those of fp32. */
  readonly encoded?: number;
  /** Between what the decoders make of fp32's tokens of these pictures, in decibels; infinite where all is the same. */
  readonly decodedPsnr?: number;
}

/** What is measured beside fp32. */
const FEWER_BITS = ['int8', 'int4'] as const;
const SEED = 1;
const BATCH = 50;

async function draw(model: Model, classes: readonly number[], seed: number): Promise<Drawn> {
  const first: Tokens[] = [];
  const { pictures } = await sample(model, {
    ...{ classes, seed, batch: BATCH },
    onStep: (picture, step, { tokens }) => {
      if (step === 0) first[picture] = tokens.slice();
    },
  });
  return {
    first,
    tokens: pictures.map(({ codes }) => codes.tokens),
    images: pictures.map(({ image }) => image),
  };
}

/** The share of the first's known tokens that the second has, too. */
function agreement(known: readonly Tokens[], other: readonly Tokens[]): number {
  let [same, all] = [0, 0];
  for (const [picture, tokens] of known.entries())
    for (const [position, token] of tokens.entries()) {
      if (token < 0) continue;
      all++;
      if (token === other[picture]![position]) same++;
    }
  return same / all;
}

async function encode(tokenizer: Tokenizer, images: readonly RgbImage[]): Promise<readonly Codes[]> {
  const encoded: Codes[] = [];
  for (const image of images) encoded.push(await tokenizer.encode(image));
  return encoded;
}

/** Between what two decoders make of the same tokens, over all pixels, in decibels. */
async function decodedPsnr(images: readonly Codes[], one: Tokenizer, other: Tokenizer): Promise<number> {
  let squared = 0;
  for (const image of images)
    squared += squaredDifference(await one.decode(image), await other.decode(image));
  return psnr(squared / images.length);
}

const tokensOf = (images: readonly Codes[]) => images.map(({ tokens }) => tokens);

/**
 * Figures of a model in each precision.
 * @param count samples of each, of the held-out pictures' classes in turn
 */
export async function precisionFigures(
  folder: string,
  { heldOut, features, areDigits }: Subject,
  count: number,
): Promise<readonly PrecisionFigures[]> {
  const { images, classIds } = await heldOutImages(heldOut, folder);
  const classes = Array.from({ length: count }, (_, picture) => classIds[picture % classIds.length]!);
  const product = doubleProduct();
  const distributionOf = async (of: readonly RgbImage[]) =>
    gaussianOf(await momentsOf(await features(of), product));
  const real = await distributionOf(images);
  const single = await load(folder, { target: 'onnx', precision: 'fp32' });
  const drawn = await draw(single, classes, SEED);
  const exact = await encode(single.tokenizer, images);
  const drawnDistribution = await distributionOf(drawn.images);
  const figuresOf = async (
    { generator }: Model,
    { images: own }: Drawn,
    compared: Drawn,
  ): Promise<PrecisionFigures> => ({
    ...(areDigits && { recognised: shareOfEqual(await classifyDigits(own), classes) }),
    heldOutLoss: await heldOutLoss(generator, exact, (index) => classIds[index]!),
    toHeldOut: await frechetDistance(await distributionOf(own), real, product),
    toSamples: await frechetDistance(await distributionOf(compared.images), drawnDistribution, product),
  });
  const figures = [await figuresOf(single, drawn, await draw(single, classes, SEED + 1))];
  for (const precision of FEWER_BITS) {
    const model = await load(folder, { target: 'onnx', precision });
    const own = await draw(model, classes, SEED);
    figures.push({
      ...(await figuresOf(model, own, own)),
      firstTokens: agreement(drawn.first, own.first),
      allTokens: agreement(drawn.tokens, own.tokens),
      encoded: agreement(tokensOf(exact), tokensOf(await encode(model.tokenizer, images))),
      decodedPsnr: await decodedPsnr(exact, single.tokenizer, model.tokenizer),
    });
    await model.dispose();
  }
  await single.dispose();
  await product.dispose();
  return figures;
}
