import { expect } from 'chai';
import type { Peers } from '../../src/cluster/peers.js';
import type { RgbImage } from '../../src/data/image.js';
import type { ImageSource } from '../../src/data/imageSource.js';
import { readFloats } from '../../src/graph/weights.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { requireTokenizer } from '../../src/tokenizers/registry.js';
import { parseTokenizerConfig } from '../../src/models/parseConfig.js';
import { createRun, readCheckpoint } from '../../src/training/runFolder.js';
import { readLog } from '../../src/training/runLog.js';
import { tokenizerTraining } from '../../src/training/tokenizerRun.js';
import { train } from '../../src/training/trainingLoop.js';
import { ADAMW_DEFAULTS } from '../../src/training/trainingStep.js';
import { atRanks } from '../support/localRanks.js';
import { temporaryFolder } from '../support/temporary.js';

const target = onnxTarget({ threads: 1 });
const signal = new AbortController().signal;

/** Pictures of 16×16 that differ. */
function picture(index: number): RgbImage {
  const data = Uint8Array.from({ length: 16 * 16 * 3 }, (_, at) => (at * (3 + index) + 40 * index) % 256);
  return { width: 16, height: 16, data };
}

const source = {
  count: 16,
  labels: ['all'],
  notes: [],
  failures: new Map(),
  classOf: () => 0,
  image: async (index: number) => picture(index),
} as unknown as ImageSource;

const fields = {
  vq: {
    ...{ codebook_size: 128, codebook_embed_dim: 4, ch: 32, ch_mult: [1, 1] },
    ...{ z_channels: 32, num_res_blocks: 1, image_size: 16 },
  },
};

function training(parts: number, peers?: Peers) {
  const kind = requireTokenizer('vq');
  const config = parseTokenizerConfig(kind, fields.vq, 'test');
  return tokenizerTraining(source, {
    ...{ kind, config, batchSize: 4, heldOutShare: 0, restartAfter: 1, parts, recompute: false },
    losses: {
      ...{ reconstruction: 'l2', commitment: 0.25, entropy: 0.1, rate: 0.05, divergence: 0 },
      adversarial: false,
    },
    augmentation: { flip: true, crop: 'random' },
    adversarial: undefined,
    settings: {
      optimizer: { ...ADAMW_DEFAULTS, emaDecay: 0.9 },
      learningRate: { peak: 1e-4, final: 1e-4, warmupSteps: 1, totalSteps: 3 },
      ...{ totalSteps: 3, seed: 5, checkpointEvery: 3, ...(peers && { peers }) },
    },
  });
}

describe('a tokenizer that ranks train together', () => {
  const temporary = temporaryFolder();

  for (const parts of [1, 2])
    it(`counts codes, restarts them and weighs their use over all ranks, in ${parts === 1 ? 'one part' : `${parts} parts`}`, async () => {
      const [alone, shared] = [temporary(`alone-${parts}`), temporary(`shared-${parts}`)];
      for (const folder of [alone, shared]) createRun(folder, {})();
      await train(alone, await training(parts), target, signal);
      await atRanks(2, async (peers) => train(shared, await training(parts, peers), target, signal));
      const [expected, actual] = [alone, shared].map((folder) => readLog(folder));
      expect(actual).to.have.length(expected!.length);
      expect(expected!.some(({ restarted_codes: restarted }) => restarted! > 0)).to.equal(true);
      for (const [line, entry] of actual!.entries()) {
        const other = expected![line]!;
        expect(Object.keys(entry)).to.have.members(Object.keys(other));
        for (const [name, value] of Object.entries(entry))
          if (name !== 'seconds')
            expect(value, `${name} of step ${entry.step}`).to.be.closeTo(
              other[name]!,
              1e-3 * Math.abs(other[name]!) + 1e-6,
            );
      }
      const state = readCheckpoint(alone)!.state;
      const age = (weights: typeof state) => Array.from(readFloats(weights.get('code_age')!));
      expect(age(readCheckpoint(shared)!.state)).to.deep.equal(age(state));
    });
});
