import type { Codes } from '../../src/codes.js';
import type { RgbImage } from '../../src/data/image.js';
import { openImageSource } from '../../src/data/imageSource.js';
import {
  type DoubleProduct,
  type FeatureNetwork,
  frechetDistance,
  type Gaussian,
  gaussianOf,
  gatherStatistics,
} from '../../src/faces/evaluation.js';
import { load, sample, type SettingValues } from '../../src/index.js';
import type { Target } from '../../src/targets/target.js';
import type { Tokenizer } from '../../src/tokenizers/tokenizer.js';
import { classifyDigits, loadImages, shareOfEqual } from '../../test/support/modelMetrics.js';
import { causalTarget } from './causalContent.js';
import { type Contender, IMAGE_SIDE } from './contenders.js';
import type { HeldOutCodes } from './likelihood.js';

const BATCH = 50;

/** Digits with their classes. */
export interface Digits {
  readonly images: readonly RgbImage[];
  readonly classIds: readonly number[];
}

/** What pictures are measured with. */
export interface Measuring {
  readonly target: Target;
  readonly network: FeatureNetwork;
  readonly product: DoubleProduct;
  /** Of held-out digits as they are. */
  readonly reference: Gaussian;
}

/** What every row of the table has. */
export interface PictureFigures {
  readonly accuracy: number;
  readonly fid: number;
  readonly samples: number;
}

/** The digits of a data set, from one of them on. */
export async function digitsOf(folder: string, first: number, count: number): Promise<Digits> {
  const source = await openImageSource(folder);
  const indices = Array.from({ length: Math.min(count, source.count - first) }, (_, at) => first + at);
  const images = await loadImages(
    { ...source, count: indices.length, image: (at) => source.image(indices[at]!) },
    IMAGE_SIDE,
  );
  return { images, classIds: indices.map((index) => Number(source.labels[source.classOf(index)])) };
}

/** The Gaussian of pictures' features. */
export async function gaussianOfImages(
  images: readonly RgbImage[],
  network: FeatureNetwork,
  product: DoubleProduct,
): Promise<Gaussian> {
  async function* each() {
    yield* images;
  }
  const gathered = await gatherStatistics(each(), network, product);
  if (!gathered || images.length < 2) throw new Error('two pictures are needed at least');
  return gaussianOf(gathered.pool);
}

/** How many show the class asked for, and how far all are from held-out digits. */
export async function figuresOf(
  { images, classIds }: Digits,
  { network, product, reference }: Measuring,
): Promise<PictureFigures> {
  return {
    accuracy: shareOfEqual(await classifyDigits(images), classIds),
    fid: await frechetDistance(reference, await gaussianOfImages(images, network, product), product),
    samples: images.length,
  };
}

/** The digits' codes, and what they look like decoded again. */
export async function throughTokenizer(
  tokenizer: Tokenizer,
  { images, classIds }: Digits,
): Promise<{ readonly codes: readonly HeldOutCodes[]; readonly decoded: Digits }> {
  const codes: Codes[] = [];
  for (let start = 0; start < images.length; start += BATCH)
    codes.push(...(await tokenizer.encodeMany(images.slice(start, start + BATCH))));
  const decoded: RgbImage[] = [];
  for (const own of codes) decoded.push(await tokenizer.decode(own));
  return {
    codes: codes.map((own, index) => ({ codes: own, classId: classIds[index]! })),
    decoded: { images: decoded, classIds },
  };
}

/** Pictures are drawn from what networks predict as it is: logits are not sharpened. */
const OWN_SETTINGS: Readonly<Record<string, SettingValues>> = { maskgit: { logitScaleEnd: 1 } };

/**
 * Draws digits of all classes in turn, without guidance, at temperature 1 and unfiltered.
 * @param steps the system's own number where it is left out
 */
export async function drawnDigits(
  folder: string,
  { system }: Contender,
  {
    target,
    steps,
    causal,
    samples,
    seed,
  }: {
    readonly target: Target;
    readonly steps: number | undefined;
    readonly causal: boolean;
    readonly samples: number;
    readonly seed: number;
  },
): Promise<Digits & { readonly passes: number }> {
  const model = await load(folder, { target: causal ? causalTarget(target) : target });
  const classIds = Array.from({ length: samples }, (_, index) => index % model.facts.classes);
  const drawn = await sample(model, {
    ...{ classes: classIds, seed, batch: BATCH, temperature: 1, topP: 1 },
    guidance: model.generator.system.noGuidance,
    guidanceSchedule: 'constant',
    ...(steps !== undefined && { steps }),
    ...(OWN_SETTINGS[system] && { own: OWN_SETTINGS[system] }),
  });
  await model.dispose();
  return { images: drawn.pictures.map(({ image }) => image), classIds, passes: drawn.steps };
}
