/**
 * Trains the network that `arpg eval` compares pictures by unless told otherwise, to tell the ten digits and the groups of
 * emoji apart: `node dist/bench/trainSmallFeatures.js MNIST_FOLDER EMOJI_FOLDER RUN fixtures/features/small.safetensors`
 *
 * A third of each batch are digits. Emoji are moved and scaled a little, since there are few of each.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { SMALL_FEATURES_SIDE, smallFeatures, smallFeaturesLoss } from '../graphs/smallFeatures.js';
import { writeFileAtomically } from '../src/atomicFile.js';
import { serializeSafetensors } from '../src/checkpoints/safetensors.js';
import type { RgbImage } from '../src/data/image.js';
import { openImageSource } from '../src/data/imageSource.js';
import { toHalfPrecision } from '../src/graph/weights.js';
import { onnxTarget } from '../src/targets/onnx/onnxTarget.js';
import { intTensor } from '../src/targets/target.js';
import { imageSignal } from '../src/tokenizers/pixelSignal.js';
import { augmentImage, NO_AUGMENTATION } from '../src/training/augment.js';
import { dataOrder } from '../src/training/dataOrder.js';
import { createRun, readCheckpoint, reopenRun } from '../src/training/runFolder.js';
import { train } from '../src/training/trainingLoop.js';
import { trainedWeights } from '../src/training/trainingState.js';
import { ADAMW_DEFAULTS } from '../src/training/trainingStep.js';
import { uniformFor } from '../src/random/draws.js';

const BATCH = 96;
const DIGITS = 32;
const SEED = 1;
const STEPS = 5000;
const MOST_SHIFT = 3;
const [mnist, emojiFolder, run, output] = process.argv.slice(2) as [string, string, string, string];

const digits = await openImageSource(mnist);
const emoji = await openImageSource(emojiFolder);
/** `group/subgroup` of an emoji's class. */
const groupOf = (label: string) => label.split('/').slice(0, 2).join('/');
const groups = [...new Set(emoji.labels.map(groupOf))].sort();
const classes = digits.labels.length + groups.length;

const cropped = async (image: RgbImage) => augmentImage(image, SMALL_FEATURES_SIDE, NO_AUGMENTATION, 0, 0);

/** The picture moved by some pixels, white where nothing is left. */
function moved({ width, height, data }: RgbImage, right: number, down: number): RgbImage {
  const result = new Uint8Array(data.length).fill(255);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const [from, at] = [row - down, column - right];
      if (from < 0 || from >= height || at < 0 || at >= width) continue;
      const place = (from * width + at) * 3;
      result.set(data.subarray(place, place + 3), (row * width + column) * 3);
    }
  return { width, height, data: result };
}

const images = new Map<string, Promise<RgbImage>>();
const cached = (key: string, make: () => Promise<RgbImage>) => {
  const known = images.get(key) ?? make();
  images.set(key, known);
  return known;
};

const digitOrder = dataOrder(digits.count, DIGITS, SEED);
const emojiOrder = dataOrder(emoji.count, BATCH - DIGITS, SEED);
const shift = (step: number, row: number, axis: number) =>
  Math.round((uniformFor(SEED, step * BATCH + row, axis, 'variant') * 2 - 1) * MOST_SHIFT);

const release = existsSync(run) ? reopenRun(run) : createRun(run, { kind: 'classifier' });
const optimizer = { ...ADAMW_DEFAULTS, emaDecay: 0.998 };
await train(
  run,
  {
    lossGraph: smallFeaturesLoss(classes),
    optimizer,
    learningRate: { peak: 2e-3, final: 1e-5, warmupSteps: 50, totalSteps: STEPS },
    totalSteps: STEPS,
    seed: SEED,
    checkpointEvery: 500,
    batch: async (step) => {
      const [ofDigits, ofEmoji] = [digitOrder.batch(step), emojiOrder.batch(step)];
      const drawn = await Promise.all([
        ...ofDigits.map(async (index) => cropped(await digits.image(index))),
        ...ofEmoji.map(async (index, row) =>
          moved(
            await cached(`${index}`, async () => cropped(await emoji.image(index))),
            shift(step, row, 0),
            shift(step, row, 1),
          ),
        ),
      ]);
      const classIds = [
        ...ofDigits.map((index) => digits.classOf(index)),
        ...ofEmoji.map(
          (index) => digits.labels.length + groups.indexOf(groupOf(emoji.labels[emoji.classOf(index)]!)),
        ),
      ];
      return [{ image: imageSignal(drawn), class_ids: intTensor([BATCH], classIds) }];
    },
    validation: [],
  },
  onnxTarget(),
  new AbortController().signal,
  ({ step, loss }) => {
    if (step % 100 === 0) process.stdout.write(`step ${step}: loss ${loss.toFixed(3)}\n`);
  },
);
const trained = trainedWeights(readCheckpoint(run)!.state, 'ema');
mkdirSync(dirname(output), { recursive: true });
const labels = JSON.stringify([...digits.labels, ...groups]);
writeFileAtomically(output, serializeSafetensors(toHalfPrecision(trained), { labels }));
process.stdout.write(`${classes} classes, graph ${smallFeatures(classes).name}\n`);
release();
