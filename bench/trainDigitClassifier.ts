/**
 * Trains the classifier that judges generated digits, on the MNIST training images:
 * `node dist/bench/trainDigitClassifier.js MNIST_FOLDER RUN fixtures/digits/classifier.safetensors`
 */
import { existsSync } from 'node:fs';
import { digitClassifierLoss } from '../graphs/digitClassifier.js';
import { writeFileAtomically } from '../src/atomicFile.js';
import { serializeSafetensors } from '../src/checkpoints/safetensors.js';
import { openImageSource } from '../src/data/imageSource.js';
import { toHalfPrecision } from '../src/graph/weights.js';
import { onnxTarget } from '../src/targets/onnx/onnxTarget.js';
import { intTensor } from '../src/targets/target.js';
import { imageSignal } from '../src/tokenizers/pixelSignal.js';
import { dataOrder } from '../src/training/dataOrder.js';
import { createRun, readCheckpoint, reopenRun } from '../src/training/runFolder.js';
import { train } from '../src/training/trainingLoop.js';
import { trainedWeights } from '../src/training/trainingState.js';
import { ADAMW_DEFAULTS } from '../src/training/trainingStep.js';

const BATCH = 64;
const SEED = 1;
const STEPS = 2000;
const [data, run, output] = process.argv.slice(2) as [string, string, string];
const source = await openImageSource(data);
const order = dataOrder(source.count, BATCH, SEED);
const release = existsSync(run) ? reopenRun(run) : createRun(run, { kind: 'classifier' });
const optimizer = { ...ADAMW_DEFAULTS, emaDecay: 0.99 };
await train(
  run,
  {
    lossGraph: digitClassifierLoss(),
    optimizer,
    learningRate: { peak: 2e-3, final: 1e-5, warmupSteps: 50, totalSteps: STEPS },
    totalSteps: STEPS,
    seed: SEED,
    checkpointEvery: 500,
    batch: async (step) => {
      const examples = order.batch(step);
      const images = await Promise.all(examples.map((example) => source.image(example)));
      return [{ image: imageSignal(images), class_ids: intTensor([BATCH], examples.map(source.classOf)) }];
    },
    validation: [],
  },
  onnxTarget(),
  new AbortController().signal,
);
const weights = toHalfPrecision(trainedWeights(readCheckpoint(run)!.state, 'ema'));
writeFileAtomically(output, serializeSafetensors(weights));
release();
