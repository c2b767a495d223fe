import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { classCondition } from '../../src/conditions/condition.js';
import { randomOrder } from '../../src/sampling/order.js';
import { samplePictures } from '../../src/sampling/samplePictures.js';
import { arpgFields, arpgSampler } from '../support/arpg.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { TESTED_TARGETS } from '../support/conformance.js';
import { goldenJson, goldenPath } from '../support/golden.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const WARM_UP = 100;
const SAMPLES = 500;
const ALLOWED_GROWTH = 24e6;

async function memoryInUse(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return process.memoryUsage().rss;
}

describe(`${SAMPLES} samples in a row do not grow memory`, () => {
  const config = arpgFields(goldenJson('arpg-tiny.json').config);
  const { tensors } = openSafetensors(goldenPath('arpg-tiny.safetensors'));
  const options = {
    steps: 4,
    schedule: 'arccos',
    guidance: 3,
    guidanceSchedule: 'linear',
    temperature: 1,
    topK: 0,
    topP: 1,
    batch: 1,
  } as const;

  for (const target of TESTED_TARGETS) {
    it(target.name, async () => {
      const sampler = arpgSampler(config, tensors, target);
      const sample = (seed: number) =>
        samplePictures(sampler, [{ index: 0, condition: classCondition(seed % 10) }], {
          ...options,
          seed,
          orderOf: (index) => randomOrder(config.block_size, seed, index),
        });
      for (let seed = 0; seed < WARM_UP; seed++) await sample(seed);
      const before = await memoryInUse();
      for (let seed = 0; seed < SAMPLES; seed++) await sample(seed);
      const growth = (await memoryInUse()) - before;
      await sampler.dispose();
      expect(growth, `${(growth / 1e6).toFixed(1)} MB`).to.be.below(ALLOWED_GROWTH);
    });
  }
});
