import { expect } from 'chai';
import { countElements } from '../../src/graph/dimension.js';
import { type Graph, parametersOf } from '../../src/graph/graph.js';
import { classCondition } from '../../src/conditions/condition.js';
import {
  decodePartial,
  exportGpujs,
  inpaint,
  load,
  type Model,
  sample,
  sampleTokens,
  writeModelFolder,
} from '../../src/index.js';
import { createGraphRunner } from '../../src/sampling/runner.js';
import type { SamplingOptions } from '../../src/sampling/request.js';
import { sampleBatch } from '../../src/systems/sampleBatch.js';
import { recipeFor } from '../../src/systems/system.js';
import { system } from '../../src/systems/var.js';
import { faultOfVar, VAR_PRESETS, type VarFields } from '../../src/systems/varFields.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { multiScaleVq } from '../../src/tokenizers/multiScaleVq.js';
import { goldenGenerator, goldenScales } from '../support/systems.js';
import { temporaryFolder } from '../support/temporary.js';

const millions = (graphs: readonly Graph[]): number => {
  const nodes = new Map(graphs.flatMap(parametersOf).map((node) => [node.name, node.outputs[0]!.shape]));
  return [...nodes.values()].reduce((sum, shape) => sum + countElements(shape as number[]), 0) / 1e6;
};

describe('VAR, the system', () => {
  const temporary = temporaryFolder();
  const generator = goldenGenerator(system);
  const fields = generator.config as VarFields;
  let model: Model;
  before(async () => {
    await writeModelFolder(temporary('model'), {
      generator: { ...generator, labels: [] },
      tokenizer: goldenScales(),
    });
    model = await load(temporary('model'), { target: onnxTarget({ threads: 1 }) });
  });
  after(() => model.dispose());

  it('has the published numbers of parameters, in millions', () => {
    for (const [name, count] of Object.entries({
      d16: 310.3,
      d20: 600.9,
      d24: 1033.4,
      d30: 2010,
      d36: 2353.9,
    })) {
      const { config } = VAR_PRESETS[`VAR-${name}`]!;
      expect(millions([system.graphs(config).step!()]), name).to.be.closeTo(count, 0.05);
    }
    const { encoder, decoder } = multiScaleVq.graphs(multiScaleVq.presets['VAR-VQ-256']!);
    expect(millions([encoder(), decoder()])).to.be.closeTo(108.9, 0.05);
  });

  it('refuses what makes no network, naming the field', () => {
    const kwargs = fields.vae_kwargs;
    for (const [change, says] of [
      [{ patch_nums: [1, 3, 3, 4] }, 'patch_nums 1, 3, 3, 4: each scale must be larger than the one before'],
      [{ num_heads: 5 }, 'embed_dim 32 must be a multiple of num_heads 5'],
      [{ vae_kwargs: { ...kwargs, ch: 40 } }, 'vae_kwargs: ch 40 must be a multiple of 32'],
      [{ vae_kwargs: { ...kwargs, quant_conv_ks: 5 } }, 'quant_conv_ks 5 makes another network'],
      [{ embed_dim: 65536, depth: 1000, num_heads: 64 }, 'billion parameters'],
    ] as const)
      expect(faultOfVar({ ...fields, ...change }), says).to.include(says);
    expect(faultOfVar(fields)).to.equal(undefined);
  });

  it('guides more and more from scale to scale, or all the time', async () => {
    const runner = createGraphRunner(system.graphs(fields), generator.weights, referenceTarget);
    const tokensOf = async (guidanceSchedule: SamplingOptions['guidanceSchedule'], guidance: number) => {
      const [tokens] = await sampleBatch(
        runner,
        { drawing: system, config: fields, grid: { height: 4, width: 4 } },
        [{ condition: classCondition(3), index: 0, order: [] }],
        {
          ...{ seed: 3, guidance, guidanceSchedule, temperature: 1, topK: 1, topP: 1 },
          ...{ steps: 4, schedule: '' },
        },
      );
      return Array.from(tokens!);
    };
    const [none, linear, constant] = [
      await tokensOf('linear', 0),
      await tokensOf('linear', 8),
      await tokensOf('constant', 8),
    ];
    // The first scale is not guided where guidance grows.
    expect(linear[0]).to.equal(none[0]);
    expect(linear).to.not.deep.equal(none);
    expect(constant).to.not.deep.equal(linear);
    await runner.dispose();
  });

  it('mixes codes instead of drawing one: pictures come as what scales add up to', async () => {
    const own = { moreSmooth: true };
    const options = { classes: [1, 2], seed: 4, own };
    const { pictures } = await sampleTokens(model, options);
    for (const { codes } of pictures) {
      expect(codes).to.include({ kind: 'vectors', channels: 8 });
      expect(codes.tokens)
        .to.be.instanceOf(Float32Array)
        .with.length(16 * 8);
    }
    const { pictures: alone } = await sampleTokens(model, { ...options, classes: [1] });
    expect(alone[0]!.codes.tokens).to.deep.equal(pictures[0]!.codes.tokens);
    const { pictures: images } = await sample(model, options);
    expect(images[1]!.image.data).to.deep.equal((await model.tokenizer.decode(pictures[1]!.codes)).data);
    const { pictures: drawn } = await sample(model, { ...options, own: {} });
    expect(drawn[1]!.image.data).to.not.deep.equal(images[1]!.image.data);
  });

  it('keeps the rest of a picture when a part is mixed anew', async () => {
    const { pictures: images } = await sample(model, { classes: [5], seed: 9 });
    const { image } = images[0]!;
    const mask = new Uint8Array(64).fill(255, 0, 16);
    const { image: redrawn } = await inpaint(
      model,
      { image, mask },
      { class: 2, seed: 1, own: { moreSmooth: true } },
    );
    expect(redrawn.data.subarray(16 * 3)).to.deep.equal(image.data.subarray(16 * 3));
    expect(redrawn.data.subarray(0, 16 * 3)).to.not.deep.equal(image.data.subarray(0, 16 * 3));
  });

  it('shows what is drawn so far in coarse', async () => {
    const { pictures } = await sampleTokens(model, { classes: [5], seed: 9 });
    const { codes } = pictures[0]!;
    if (codes.kind !== 'scales') expect.fail('it draws scales');
    const soFar = { ...codes, tokens: codes.tokens.map((token, at) => (at < 5 ? token : -1)) };
    const coarse = await decodePartial(model.tokenizer, soFar);
    const first = { ...codes, sides: [1, 2], tokens: codes.tokens.slice(0, 5) };
    expect(coarse.data).to.deep.equal((await model.tokenizer.decode(first)).data);
  });

  it('a page that was made for codes that are mixed decodes those', async () => {
    const page = await exportGpujs(model, { mode: 'cpu', own: { moreSmooth: true } });
    expect(page).to.include('mix.3').and.to.not.include('"scale.0"');
  });

  it('trains deeper networks to lower rates and with a decay that grows', () => {
    const of = (depth: number) => recipeFor(system, { ...fields, depth });
    expect(of(16).learningRate).to.deep.equal({ holdShare: 0.05, finalShare: 0.1, isStraight: true });
    expect(of(24).learningRate!.finalShare).to.equal(0.01);
    expect([16, 24, 30].map((depth) => of(depth).optimizer!.finalWeightDecay)).to.deep.equal([
      undefined,
      undefined,
      0.08,
    ]);
    expect(of(24).dropout).to.be.closeTo(0.1, 1e-12);
    expect(of(16).dropout).to.be.closeTo(0.1 * (16 / 24), 1e-12);
    expect(of(16).optimizer!.maxGradientNorm).to.equal(2);
    for (const name of ['pos_1LC', 'lvl_embed.weight', 'blocks.0.ada_gss', 'blocks.1.attn.scale_mul_1H11'])
      expect(of(16).optimizer!.undecayed!.test(name), name).to.equal(true);
    expect(of(16).optimizer!.undecayed!.test('class_emb.weight')).to.equal(false);
  });
});
