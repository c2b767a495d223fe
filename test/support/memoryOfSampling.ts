/**
 * Draws pictures in a row on the target that the first argument names, and prints by how many bytes the process has
 * grown since the first hundred. A program of its own, so that nothing else counts.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { classCondition } from '../../src/conditions/condition.js';
import { randomOrder } from '../../src/sampling/order.js';
import { samplePictures } from '../../src/sampling/samplePictures.js';
import { arpgFields, arpgSampler } from './arpg.js';
import { TESTED_TARGETS } from './conformance.js';
import { goldenJson, goldenPath } from './golden.js';

const WARM_UP = 100;
const OPTIONS = {
  steps: 4,
  schedule: 'arccos',
  guidance: 3,
  guidanceSchedule: 'linear',
  temperature: 1,
  topK: 0,
  topP: 1,
  batch: 1,
} as const;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

async function memoryInUse(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return process.memoryUsage().rss;
}

const [name, samples] = process.argv.slice(2);
const target = TESTED_TARGETS.find((tested) => tested.name === name);
if (!target) throw new Error(`no target is called ${name}`);
const config = arpgFields(goldenJson('arpg-tiny.json').config);
const sampler = arpgSampler(config, openSafetensors(goldenPath('arpg-tiny.safetensors')).tensors, target);
const sample = (seed: number) =>
  samplePictures(sampler, [{ index: 0, condition: classCondition(seed % 10) }], {
    ...OPTIONS,
    seed,
    orderOf: (index) => randomOrder(config.block_size, seed, index),
  });
for (let seed = 0; seed < WARM_UP; seed++) await sample(seed);
const before = await memoryInUse();
for (let seed = 0; seed < Number(samples); seed++) await sample(seed);
const growth = (await memoryInUse()) - before;
await sampler.dispose();
process.stdout.write(`${growth}\n`, () => process.exit(0));
