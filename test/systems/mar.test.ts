import { expect } from 'chai';
import { trainedDiffusion, spacedDiffusion, spacedTimesteps } from '../../graphs/diffusionTables.js';
import { marNoise } from '../../graphs/marDiffusion.js';
import { marTeacherForced } from '../../graphs/marTraining.js';
import { NO_CONDITION, classCondition } from '../../src/conditions/condition.js';
import { parametersOf } from '../../src/graph/graph.js';
import { countElements } from '../../src/graph/dimension.js';
import { parameterGraphs } from '../../src/models/tokenizerParameters.js';
import { parseSystemConfig } from '../../src/models/parseConfig.js';
import { wordHalves } from '../../src/random/philox.js';
import { normalKey } from '../../src/random/draws.js';
import { normalsFor } from '../../src/random/normals.js';
import { system as mar } from '../../src/systems/mar.js';
import { type MarFields, marNetwork } from '../../src/systems/marFields.js';
import { marCounts } from '../../src/systems/marSchedule.js';
import { hiddenCount, marBatch, maskShare } from '../../src/systems/marTraining.js';
import { normalQuantile, normalShare } from '../../src/systems/normalDistribution.js';
import type { System, TrainingExample } from '../../src/systems/system.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { intTensor } from '../../src/targets/target.js';
import { drawnWeights } from '../../src/training/trainingState.js';
import { runOnce } from '../support/golden/subject.js';
import { goldenGenerator } from '../support/systems.js';
import { createSampler } from '../../src/systems/sampler.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import type { PictureRequest, SamplingOptions } from '../../src/sampling/request.js';
import type { StepOptions } from '../../src/sampling/sampler.js';
import { randomOrder } from '../../src/sampling/order.js';

const system = mar as unknown as System;
const generator = goldenGenerator(system);
const fields = generator.config as MarFields;

/** Pictures whose vectors say which picture and place they are of. */
function examples(count: number, first = 0, deviations = false): readonly TrainingExample[] {
  return Array.from({ length: count }, (_, row) => {
    const draw = first + row;
    const tokens = Float32Array.from({ length: 16 * fields.vae_embed_dim }, (_number, at) => draw + at / 100);
    return {
      codes: {
        kind: 'vectors',
        grid: { height: 4, width: 4 },
        channels: fields.vae_embed_dim,
        tokens,
        ...(deviations && { deviations: new Float32Array(tokens.length).fill(0.5) }),
      },
      condition: row === 0 ? NO_CONDITION : classCondition(row),
      draw,
    };
  });
}

describe('MAR', () => {
  for (const [preset, parameters] of [
    ['MAR-B', 207_924_768],
    ['MAR-L', 478_326_304],
    ['MAR-H', 942_403_104],
  ] as const)
    it(`${preset} has as many parameters as the published network`, () => {
      const { config } = mar.config.presets[preset]!;
      const shapes = new Map(
        parameterGraphs(system, config)
          .flatMap(parametersOf)
          .map(({ name, outputs: [tensor] }) => [name, tensor!.shape as readonly number[]]),
      );
      const count = [...shapes.values()].reduce((sum, shape) => sum + countElements(shape), 0);
      expect(count).to.equal(parameters);
    });

  it('refuses sizes that make no network, by the field', () => {
    const refuse = (changed: Partial<MarFields>, message: string) =>
      expect(() => parseSystemConfig(mar, { ...fields, ...changed }, 'x.json')).to.throw(message);
    refuse(
      { encoder_num_heads: 5 },
      'x.json: encoder_embed_dim 32 must be a multiple of encoder_num_heads 5',
    );
    refuse({ decoder_num_heads: 5 }, 'decoder_embed_dim 48 must be a multiple of decoder_num_heads 5');
    refuse({ patch_size: 2 }, 'patch_size 2 makes tokens of several latents');
    refuse({ img_size: 60 }, 'img_size 60 must be a multiple of vae_stride 16');
    refuse({ num_sampling_steps: 'ddim37' }, 'num_sampling_steps: no whole stride over 1000 steps gives 37');
    refuse({ diffloss_w: 65536, diffloss_d: 1000 }, 'billion parameters');
  });

  describe('steps of the diffusion', () => {
    it('are rounded half to even', () => {
      expect(spacedTimesteps('7')).to.deep.equal([0, 166, 333, 500, 666, 832, 999]);
      expect(spacedTimesteps('1')).to.deep.equal([0]);
      expect(spacedTimesteps('1,1,1,1')).to.deep.equal([0, 250, 500, 750]);
      // 1000 = 334 + 333 + 333.
      expect(spacedTimesteps('2,1,2')).to.deep.equal([0, 333, 334, 667, 999]);
      expect(spacedTimesteps('1000')).to.deep.equal(Array.from({ length: 1000 }, (_, step) => step));
      expect(spacedTimesteps('ddim4')).to.deep.equal([0, 250, 500, 750]);
    });

    for (const [text, message] of [
      ['', "'' is no number of steps"],
      ['0', "'0' is no number of steps"],
      ['10,', "'10,' is no number of steps"],
      ['1e3', "'1e3' is no number of steps"],
      ['ddim', "'ddim' is no number of steps"],
      ['ddim64', 'gives 64 of them'],
      ['1001', 'a section of 1000 of the 1000 steps cannot give 1001'],
      ['1,600', 'a section of 500 of the 1000 steps cannot give 600'],
    ] as const)
      it(`'${text}' is refused`, () => {
        expect(() => spacedTimesteps(text)).to.throw(RangeError, message);
      });

    it('one step has a table, and all of them have the trained one', () => {
      for (const values of Object.values(spacedDiffusion([0])))
        expect(values.every(Number.isFinite), String(values)).to.equal(true);
      const [all, trained] = [spacedDiffusion(spacedTimesteps('1000')), trainedDiffusion()];
      for (const [step, beta] of trained.betas.entries()) expect(all.betas[step]!).to.be.closeTo(beta, 1e-12);
    });
  });

  it('the counts of steps are left-to-right in float64, where rounding decides', () => {
    const left = (positions: number, steps: number) => {
      let unknown = positions;
      return marCounts(positions, steps).map((count) => (unknown -= count));
    };
    // cos(π/3) must leave a half.
    expect(left(16, 3)).to.deep.equal([13, 8, 0]);
    expect(left(64, 39)[25]).to.equal(31);
    expect(() => marCounts(16, 17)).to.throw(RangeError);
  });

  it('quantiles of the normal distribution invert its shares', () => {
    for (const x of [-6, -1.2, 0, 0.3, 4]) {
      expect(normalQuantile(normalShare(x))).to.be.closeTo(x, 1e-6);
    }
    expect(normalShare(1.959963984540054)).to.be.closeTo(0.975, 1e-12);
    expect(maskShare(0, 0.7)).to.be.closeTo(0.7, 1e-9);
    expect(maskShare(1, 0.7)).to.equal(1);
  });

  describe('training batches', () => {
    it('hide as many tokens of each picture, at least the least share, and say where the others are', () => {
      const counts = new Set<number>();
      for (let step = 0; step < 30; step++) {
        const { mask, known_positions, class_ids, tokens } = marBatch(fields, examples(3, 3 * step), 5);
        const known = known_positions!.shape[1]!;
        counts.add(known);
        expect(known).to.be.at.most(16 - hiddenCount(16, fields.mask_ratio_min));
        for (let row = 0; row < 3; row++) {
          const own = Array.from(known_positions!.data.slice(row * known, (row + 1) * known));
          expect(own).to.deep.equal([...own].sort((a, b) => a - b));
          const shown = Array.from(mask!.data.slice(row * 16, (row + 1) * 16));
          expect(shown.flatMap((hidden, position) => (hidden ? [] : [position]))).to.deep.equal(own);
        }
        expect(Array.from(class_ids!.data)).to.deep.equal([fields.class_num, 1, 2]);
        expect(tokens!.data[0]).to.equal(3 * step);
      }
      expect(counts.size).to.be.greaterThan(2);
    });

    it('depend on the numbers of their pictures alone, the share on that of the first', () => {
      const whole = marBatch(fields, examples(3), 5);
      const again = marBatch(fields, examples(3), 5);
      expect(again).to.deep.equal(whole);
      const [part] = [marBatch(fields, examples(1), 5)];
      const { timesteps, noise } = part;
      const { diffusion_batch_mul: noises } = fields;
      for (let copy = 0; copy < noises; copy++)
        for (let position = 0; position < 16; position++) {
          const row = copy * 48 + position;
          expect(whole.timesteps!.data[row]).to.equal(timesteps!.data[copy * 16 + position]);
          expect(whole.noise!.data[4 * row]).to.equal(noise!.data[4 * (copy * 16 + position)]);
        }
      expect(marBatch(fields, examples(3), 6).timesteps).to.not.deep.equal(whole.timesteps);
      expect(new Set(whole.noise!.data).size).to.equal(whole.noise!.data.length);
      expect(Math.max(...whole.timesteps!.data)).to.be.within(900, 999);
    });

    it('draw vectors anew at each visit where it is known how they spread', () => {
      const means = examples(2).map(({ codes }) => codes.tokens);
      const [first, second] = [0, 100].map(
        (start) => marBatch(fields, examples(2, start, true), 5).tokens!.data,
      ) as [Float32Array, Float32Array];
      const spread = Array.from(first, (value, index) => {
        const picture = Math.floor(index / 64);
        return (value - means[picture]![index % 64]!) / 0.5;
      });
      const square = spread.reduce((sum, value) => sum + value ** 2, 0) / spread.length;
      expect(square).to.be.within(0.6, 1.5);
      const again = Array.from(
        second,
        (value, index) => value - 100 - means[index < 64 ? 0 : 1]![index % 64]!,
      );
      expect(again[5]).to.not.be.closeTo(0.5 * spread[5]!, 1e-3);
    });
  });

  it('noise drawn by the program is that of the operation', async () => {
    const [seed, image] = [2 ** 40 + 3, 7];
    const places = [3, 70_000].map((position) => [position, image]);
    const { noise } = await runOnce(referenceTarget, marNoise(marNetwork(fields)), new Map(), {
      key: intTensor([6], normalKey(seed, 'diffusion', 99)),
      places: intTensor([2, 4], wordHalves(places.flat())),
    });
    const own = [3, 70_000].flatMap((position) => normalsFor(seed, image, position, 'diffusion', 99, 4));
    for (const [index, value] of own.entries()) expect(noise!.data[index]!).to.be.closeTo(value, 1e-6);
  });

  it('starts from weights as published: nothing is predicted at first', () => {
    const graph = marTeacherForced(marNetwork(fields), { noises: 1 });
    const drawn = (name: string) => drawnWeights(graph, name, 1);
    const largest = (values: Float32Array) => values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    for (const [name, fans] of [
      ['encoder_blocks.0.attn.qkv.weight', 32 + 96],
      ['decoder_blocks.1.mlp.fc1.weight', 48 + 192],
      ['diffloss.net.res_blocks.0.mlp.0.weight', 64 + 64],
      ['z_proj.weight', 4 + 32],
    ] as const) {
      const bound = Math.sqrt(6 / fans);
      expect(largest(drawn(name)), name).to.be.within(0.9 * bound, bound);
    }
    for (const name of ['fake_latent', 'mask_token', 'encoder_pos_embed_learned', 'class_emb.weight'])
      expect(largest(drawn(name)), name).to.be.within(0.02, 0.1);
    for (const name of [
      'diffloss.net.final_layer.linear.weight',
      'diffloss.net.res_blocks.1.adaLN_modulation.1.weight',
      'encoder_blocks.0.attn.qkv.bias',
    ])
      expect(largest(drawn(name)), name).to.equal(0);
  });

  describe('sampling', () => {
    const target = onnxTarget({ threads: 1 });
    const options: SamplingOptions & StepOptions = {
      ...{ seed: 3, guidance: 2, guidanceSchedule: 'linear', temperature: 1, topK: 0, topP: 1 },
      ...{ steps: 4, schedule: '' },
    };
    const picture = (changed: Partial<PictureRequest> = {}): PictureRequest => ({
      condition: classCondition(1),
      index: 0,
      order: randomOrder(16, 3, 0),
      ...changed,
    });
    const draw = async (
      request: PictureRequest,
      changed: Partial<SamplingOptions & StepOptions> = {},
    ): Promise<Float32Array> => {
      const sampler = createSampler(generator, target);
      try {
        const [codes] = await sampler.sample([request], { ...options, ...changed });
        return codes!.tokens as Float32Array;
      } finally {
        await sampler.dispose();
      }
    };

    it('a part that is drawn anew has other noise than a new picture', async () => {
      const fresh = await draw(picture());
      expect(await draw(picture())).to.deep.equal(fresh);
      expect(await draw(picture({ isRedrawn: true }))).to.not.deep.equal(fresh);
    });

    it('the steps of the diffusion are those of the setting, or else those of the model', async () => {
      const usual = await draw(picture());
      expect(await draw(picture(), { own: { diffusionSteps: fields.num_sampling_steps } })).to.deep.equal(
        usual,
      );
      expect(await draw(picture(), { own: { diffusionSteps: 'ddim5' } })).to.not.deep.equal(usual);
    });

    it('temperature 0 adds no noise: pictures still differ by what they start from', async () => {
      const [one, other] = [
        await draw(picture(), { temperature: 0 }),
        await draw(picture({ index: 1 }), { temperature: 0 }),
      ];
      expect(one).to.not.deep.equal(other);
      expect(one).to.not.deep.equal(await draw(picture()));
    });

    it('a batch that is partly drawn anew is refused', async () => {
      const sampler = createSampler(generator, target);
      const outcome = await sampler
        .sample([picture(), picture({ isRedrawn: true })], options)
        .catch((error: Error) => error.message);
      expect(outcome).to.include('must all be new, or all be drawn anew');
      await sampler.dispose();
    });
  });
});
