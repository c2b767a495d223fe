/**
 * How often the float rounding of another batch size changes a token: samples the same images alone and in a batch.
 * `node dist/bench/batchInvariance.js MODEL [IMAGES] [STEPS] [BATCH]`
 */
import { arpgConfig } from '../src/systems/arpgConfig.js';
import { sampleImages } from '../src/sampling/sampleImages.js';
import { createSampler } from '../src/sampling/sampler.js';
import { openGenerator } from '../src/models/modelFolder.js';
import { resolveTarget } from '../src/targets/resolveTarget.js';

const [folder = 'models/random/model', count = '16', steps = '32', batch = '8'] = process.argv.slice(2);
const model = openGenerator(folder);
const config = arpgConfig(model.config);
const sampler = await createSampler(config, model.weights, await resolveTarget('auto'));
const classIds = Array.from({ length: Number(count) }, (_, index) => (index * 37) % config.classes);
const options = {
  seed: 1,
  steps: Number(steps),
  schedule: 'arccos',
  guidance: 4,
  guidanceSchedule: 'linear',
  temperature: 1,
  topK: 0,
  topP: 1,
  order: undefined,
} as const;
const images = classIds.map((classId, index) => ({ index, classId }));
const alone = await sampleImages(sampler, images, { ...options, batch: 1 });
const together = await sampleImages(sampler, images, { ...options, batch: Number(batch) });
const differing = alone.map(
  (tokens, image) => tokens.filter((token, at) => token !== together[image]![at]).length,
);
const tokens = differing.reduce((a, b) => a + b, 0);
const total = alone.length * alone[0]!.length;
process.stdout.write(
  `${tokens} of ${total} tokens and ${differing.filter((tokensOfOne) => tokensOfOne > 0).length} of ${alone.length} images differ between batch 1 and batch ${batch}\n`,
);
await sampler.dispose();
