/**
 * How often the float rounding of another batch size changes a token: samples the same images alone and in a batch.
 * `node dist/bench/batchInvariance.js MODEL [IMAGES] [STEPS] [BATCH]`
 */
import { classCondition } from '../src/conditions/condition.js';
import { resolveSettings } from '../src/library/settings.js';
import { openGenerator } from '../src/models/modelFolder.js';
import { samplePictures } from '../src/sampling/samplePictures.js';
import { orderOf } from '../src/systems/orders.js';
import { createSampler } from '../src/systems/sampler.js';
import { resolveTarget } from '../src/targets/resolveTarget.js';

const [folder = 'models/random/model', count = '16', steps = '32', batch = '8'] = process.argv.slice(2);
const model = openGenerator(folder);
const { grid, classes } = model.system.config.facts(model.config);
const sampler = createSampler(model, await resolveTarget('auto'));
const settings = resolveSettings(
  {
    seed: 1,
    guidance: 4,
    temperature: 1,
    topP: 1,
    ...(model.system.choices.steps && { steps: Number(steps) }),
  },
  model,
  grid,
);
const options = {
  ...settings,
  orderOf: (index: number) => orderOf(model.system, model.config, grid, {}, { seed: settings.seed, index }),
};
const pictures = Array.from({ length: Number(count) }, (_, index) => ({
  index,
  condition: classCondition((index * 37) % classes),
}));
const alone = await samplePictures(sampler, pictures, { ...options, batch: 1 });
const together = await samplePictures(sampler, pictures, { ...options, batch: Number(batch) });
const differing = alone.map(
  ({ tokens }, image) => tokens.filter((token, at) => token !== together[image]!.tokens[at]).length,
);
const tokens = differing.reduce((a, b) => a + b, 0);
const total = alone.length * alone[0]!.tokens.length;
process.stdout.write(
  `${tokens} of ${total} tokens and ${differing.filter((tokensOfOne) => tokensOfOne > 0).length} of ${alone.length} images differ between batch 1 and batch ${batch}\n`,
);
await sampler.dispose();
