/**
 * Tokens that a parallel step feeds together see each other; in training each saw only those before it. Samples of a
 * shipped model with pass 1 under that causal mask beside samples as they are, both of the same seed, orders and random
 * numbers: how many are recognised of each, and the difference with its 95 % confidence interval.
 * `node dist/bench/stepMask.js digits [SAMPLES] [STEPS,…]`
 * `node dist/bench/stepMask.js emoji [SAMPLES] [STEPS,…] DATA`, with the data of the model card
 */
import { groupsOf } from '../src/conditions/classGroups.js';
import type { RgbImage } from '../src/data/image.js';
import { openImageSource } from '../src/data/imageSource.js';
import { load, type Model } from '../src/library/model.js';
import { sample } from '../src/library/sample.js';
import { onnxTarget } from '../src/targets/onnx/onnxTarget.js';
import type { Target } from '../src/targets/target.js';
import {
  classifyDigits,
  DIGITS_MODEL,
  EMOJI_MODEL,
  loadImages,
  nearestImage,
} from '../test/support/modelMetrics.js';
import { causalTarget } from './equal/causalContent.js';

const SEED = 1;
const BATCH = 50;
/** Standard deviations on either side that hold 95 % of a normal distribution. */
const NORMAL_95 = 1.96;

const full = onnxTarget({ threads: 1 });
const causal = causalTarget(full);

/** For each way to recognise pictures, whether each shows what was asked for. */
type Recognition = Readonly<Record<string, readonly boolean[]>>;

interface Measured {
  readonly folder: string;
  readonly classes: (count: number, model: Model) => readonly number[];
  readonly recognise: (
    images: readonly RgbImage[],
    classes: readonly number[],
    model: Model,
  ) => Promise<Recognition>;
}

const digits: Measured = {
  folder: DIGITS_MODEL,
  classes: (count, { facts }) => Array.from({ length: count }, (_, index) => index % facts.classes),
  async recognise(images, classes) {
    const found = await classifyDigits(images);
    return { 'digits, the classifier': found.map((classId, index) => classId === classes[index]) };
  },
};

/** By the training data's nearest drawing, as `emojiRecognition` does. */
async function emoji(data: string): Promise<Measured> {
  const source = await openImageSource(data);
  const drawings = await loadImages(source, 32);
  const groupOf = (label: string) => groupsOf(label)[0]!;
  return {
    folder: EMOJI_MODEL,
    classes: (count, { generator }) =>
      Array.from({ length: count }, (_, index) => Math.floor((index * generator.labels.length) / count)),
    async recognise(images, classes, { generator }) {
      const pairs = images.map((image, index) => ({
        wanted: generator.labels[classes[index]!]!,
        found: source.labels[source.classOf(nearestImage(drawings, image).index)]!,
      }));
      return {
        'emoji, of the class': pairs.map(({ wanted, found }) => wanted === found),
        'emoji, of the group': pairs.map(({ wanted, found }) => groupOf(wanted) === groupOf(found)),
      };
    },
  };
}

/** Recognition of the pictures that a target draws in so many steps. */
async function recognition(
  { folder, classes, recognise }: Measured,
  target: Target,
  count: number,
  steps: number,
): Promise<Recognition> {
  const model = await load(folder, { target });
  const wanted = classes(count, model);
  const { pictures } = await sample(model, { classes: wanted, seed: SEED, steps, batch: BATCH });
  const recognised = await recognise(
    pictures.map(({ image }) => image),
    wanted,
    model,
  );
  await model.dispose();
  return recognised;
}

/** Difference of two shares of the same pictures and half its 95 % interval, from the pictures that changed (McNemar). */
function pairedDifference(before: readonly boolean[], after: readonly boolean[]) {
  const count = before.length;
  const gained = after.filter((hit, index) => hit && !before[index]).length;
  const lost = before.filter((hit, index) => hit && !after[index]).length;
  const difference = (gained - lost) / count;
  const halfWidth = (NORMAL_95 * Math.sqrt(gained + lost - count * difference ** 2)) / count;
  return { gained, lost, difference, halfWidth };
}

const percent = (share: number) => (100 * share).toFixed(1);
const shareOf = (hits: readonly boolean[]) => hits.filter(Boolean).length / hits.length;

const [name, samples = '1000', stepCounts = '2,3,4,6,8,12', data] = process.argv.slice(2);
if (name !== 'digits' && (name !== 'emoji' || data === undefined))
  throw new Error('name digits, or emoji and, after samples and steps, the folder with the emoji');
const measured = name === 'digits' ? digits : await emoji(data!);
const print = (cells: readonly (string | number)[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
print(['recognised as', 'steps', 'samples', 'full, %', 'causal, %', 'causal − full, points', 'gained, lost']);
print(['---', '---', '---', '---', '---', '---', '---']);
for (const steps of stepCounts.split(',').map(Number)) {
  const before = await recognition(measured, full, Number(samples), steps);
  const after = await recognition(measured, causal, Number(samples), steps);
  for (const [how, hits] of Object.entries(before)) {
    const { gained, lost, difference, halfWidth } = pairedDifference(hits, after[how]!);
    const signed = `${difference < 0 ? '−' : '+'}${percent(Math.abs(difference))} ± ${percent(halfWidth)}`;
    print([
      how,
      steps,
      hits.length,
      percent(shareOf(hits)),
      percent(shareOf(after[how]!)),
      signed,
      `${gained}, ${lost}`,
    ]);
  }
}
