/**
 * Digits sampled larger than the model was trained on, with extended and with interpolated RoPE, scaled back to its
 * pixels: the share that the classifier recognises. `node dist/bench/expansion.js [IMAGES] [SIDE …]`
 */
import { ROPE_SCALINGS } from '../graphs/rotary.js';
import { classCondition } from '../src/conditions/condition.js';
import { openGenerator } from '../src/models/modelFolder.js';
import { samplePictures } from '../src/sampling/samplePictures.js';
import { orderOf } from '../src/systems/orders.js';
import { createSampler } from '../src/systems/sampler.js';
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
const generator = openGenerator(DIGITS_MODEL);
const tokenizer = openShippedTokenizer(DIGITS_MODEL);
const classIds = Array.from({ length: Number(count) }, (_, index) => index % CLASSES);
const pictures = classIds.map((classId, index) => ({ index, condition: classCondition(classId) }));
const trained = tokenizer.facts.imageSize;
const defaults = [0, 1, 2, 4].map((tokens) => trained + tokens * tokenizer.factor);
for (const side of sides.length > 0 ? sides.map(Number) : defaults)
  for (const scaling of ROPE_SCALINGS) {
    const grid = { height: side / tokenizer.factor, width: side / tokenizer.factor };
    const sampler = createSampler(generator, onnxTarget({ threads: 2 }), grid, scaling);
    const own = defaultSampling(DIGITS_MODEL);
    const settings = {
      ...own,
      orderOf: (index: number) =>
        orderOf(generator.system, generator.config, grid, {}, { seed: own.seed, index }),
      batch: 10,
    };
    const steps = Math.min(64, grid.height * grid.width);
    const small = [];
    for (const codes of await samplePictures(sampler, pictures, { ...settings, steps }))
      small.push(await augmentImage(await tokenizer.decode(codes), trained, NO_AUGMENTATION, 0, 0));
    await sampler.dispose();
    const found = await classifyDigits(small);
    const right = found.filter((classId, index) => classId === classIds[index]).length;
    process.stdout.write(
      `${side}×${side} ${scaling}: ${((100 * right) / classIds.length).toFixed(1)} % recognised\n`,
    );
  }
