/**
 * Digits sampled larger than the model was trained on, with extended and with interpolated RoPE, scaled back to its
 * pixels: the share that the classifier recognises. `node dist/bench/expansion.js [IMAGES] [SIDE …]`
 */
import { ROPE_SCALINGS } from '../graphs/rotary.js';
import { arpgConfig } from '../src/systems/arpgConfig.js';
import { sampleImages } from '../src/sampling/sampleImages.js';
import { createSampler } from '../src/sampling/sampler.js';
import { openGenerator } from '../src/models/modelFolder.js';
import { onnxTarget } from '../src/targets/onnx/onnxTarget.js';
import { augmentImage, NO_AUGMENTATION } from '../src/training/augment.js';
import {
  classifyDigits,
  defaultSampling,
  DIGITS_MODEL,
  openShippedTokenizer,
} from '../test/support/modelMetrics.js';

const CLASSES = 10;
const [count = '100', ...sides] = process.argv.slice(2);
const { config, weights } = openGenerator(DIGITS_MODEL);
const tokenizer = openShippedTokenizer(DIGITS_MODEL);
const classIds = Array.from({ length: Number(count) }, (_, index) => index % CLASSES);
const images = classIds.map((classId, index) => ({ index, classId }));
const trained = tokenizer.config.imageSize;
const defaults = [0, 1, 2, 4].map((tokens) => trained + tokens * tokenizer.factor);
for (const side of sides.length > 0 ? sides.map(Number) : defaults)
  for (const scaling of ROPE_SCALINGS) {
    const grid = { height: side / tokenizer.factor, width: side / tokenizer.factor };
    const sampler = await createSampler(
      arpgConfig(config),
      weights,
      onnxTarget({ threads: 2 }),
      grid,
      scaling,
    );
    const settings = {
      ...defaultSampling(DIGITS_MODEL),
      schedule: 'arccos',
      order: undefined,
      batch: 10,
    } as const;
    const steps = Math.min(64, grid.height * grid.width);
    const small = [];
    for (const tokens of await sampleImages(sampler, images, { ...settings, steps }))
      small.push(
        await augmentImage(await tokenizer.decode({ tokens, grid }), trained, NO_AUGMENTATION, 0, 0),
      );
    await sampler.dispose();
    const found = await classifyDigits(small);
    const right = found.filter((classId, index) => classId === classIds[index]).length;
    process.stdout.write(
      `${side}×${side} ${scaling}: ${((100 * right) / classIds.length).toFixed(1)} % recognised\n`,
    );
  }
