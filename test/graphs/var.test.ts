import { expect } from 'chai';
import { area, bicubic, bilinear } from '../../graphs/resampling.js';
import { codeCount, convolutionOfScale, type MultiScaleQuantizer } from '../../graphs/multiScaleQuantizer.js';
import { multiScaleDecoder, multiScaleEncoder, multiScaleLatentDecoder } from '../../graphs/multiScaleVq.js';
import { type VarConfig, varNextInput, varStep, varTeacherForced } from '../../graphs/var.js';
import { withGradients } from '../../src/compiler/gradient.js';
import { wordHalves } from '../../src/dsl/index.js';
import { type Graph, nodesOf, parametersOf } from '../../src/graph/graph.js';
import { readFloats, storedFloats, type Weights } from '../../src/graph/weights.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { floatTensor, type HostTensor, intTensor, type Target } from '../../src/targets/target.js';
import { drawnWeights } from '../../src/training/trainingState.js';
import { expectClose, floats, ints, TESTED_TARGETS } from '../support/conformance.js';
import { runOnce } from '../support/golden/subject.js';
import { interpret } from '../support/interpret.js';

const quantizer: MultiScaleQuantizer = {
  sides: [1, 2, 3],
  codebookSize: 7,
  codebookDim: 4,
  convolutionShare: 0.5,
  convolutions: { kind: 'shared', count: 2 },
  comparesDirections: false,
};
const plain: VarConfig = {
  ...{ dim: 12, layers: 2, heads: 3, feedForwardHidden: 20, classes: 4, normEpsilon: 1e-6 },
  ...{ sharedModulation: false, unitQueries: true, quantizer },
};
const BATCH = 3;

/** What the numbers of the official code do not reach, and what networks may differ in. */
const CONFIGS: Readonly<Record<string, VarConfig>> = {
  'modulation that blocks share': { ...plain, sharedModulation: true },
  'queries of no learned length': { ...plain, unitQueries: false },
  'a first scale of four codes, a list of convolutions': {
    ...plain,
    quantizer: { ...quantizer, sides: [2, 3], convolutions: { kind: 'listed', count: 2 } },
  },
};

/** Weights that nothing is special about. */
function someWeights(...graphs: readonly Graph[]): Weights {
  return new Map(
    graphs.flatMap(parametersOf).map(({ name, outputs: [tensor] }, index) => {
      const shape = tensor!.shape as readonly number[];
      return [name, storedFloats(shape, floats(shape, index + 1, 0.5).data as Float32Array)] as const;
    }),
  );
}

function trainingBatch({ classes, quantizer: own }: VarConfig): Readonly<Record<string, HostTensor>> {
  return {
    tokens: ints([BATCH, codeCount(own)], own.codebookSize, 1),
    class_ids: ints([BATCH], classes + 1, 3),
  };
}

const SMOOTHED = { labelSmoothing: 0.2 } as const;

describe('VAR', () => {
  for (const [name, config] of Object.entries(CONFIGS)) {
    const graph = varTeacherForced(config, SMOOTHED);
    const weights = someWeights(graph);
    const names = [...weights.keys()].filter((own) => !own.startsWith('quantize.'));
    const inputs = trainingBatch(config);
    const gradients = withGradients(graph, 'loss', names);

    it(`${name}: the gradient of each parameter fits finite differences, targets being smoothed`, () => {
      const derivatives = interpret(gradients, inputs, weights);
      for (const parameter of names) {
        const { shape } = weights.get(parameter)!;
        const own = readFloats(weights.get(parameter)!);
        const { data } = derivatives[`gradient.${parameter}`]!;
        const magnitude = Math.max(...Array.from(data, Math.abs));
        expect(magnitude, parameter).to.be.above(1e-6);
        const element = Math.floor(0.4 * own.length);
        const lossAt = (moved: number): number =>
          interpret(
            graph,
            inputs,
            new Map([...weights, [parameter, storedFloats(shape, own.with(element, moved))]]),
          ).loss!.data[0]!;
        const [above, below] = [2 ** -9, -(2 ** -9)].map((step) => Math.fround(own[element]! + step));
        const slope = (lossAt(above!) - lossAt(below!)) / (above! - below!);
        expect(data[element]!, `${parameter}[${element}]`).to.be.closeTo(slope, 2e-3 * magnitude);
      }
    });

    it(`${name}: nothing of the tokenizer's has a gradient`, () => {
      const frozen = [...weights.keys()].filter((own) => own.startsWith('quantize.'));
      const derivatives = interpret(withGradients(graph, 'loss', frozen), inputs, weights);
      for (const parameter of frozen)
        expect(derivatives[`gradient.${parameter}`]!.data.every((value) => value === 0)).to.equal(true);
    });

    it(`${name}: steps with a cache, scale by scale, give the logits of training`, async () => {
      const { sides, codebookDim } = config.quantizer;
      const steps = sides.slice(0, -1).map((_, scale) => varNextInput(config, scale, 'numbers'));
      const all = someWeights(graph, ...steps);
      const { logits } = await runOnce(referenceTarget, graph, all, inputs);
      const step = varStep(config);
      const width = config.dim / config.heads;
      const whole = sides.at(-1)!;
      let latent = floatTensor(
        [BATCH, codebookDim, whole, whole],
        new Float32Array(BATCH * codebookDim * whole ** 2),
      );
      let told = floatTensor(
        [BATCH, sides[0]! ** 2, codebookDim],
        new Float32Array(BATCH * sides[0]! ** 2 * codebookDim),
      );
      const empty = Array.from({ length: config.layers }, (_, layer) => layer).flatMap((layer) =>
        ['key', 'value'].map(
          (part) =>
            [`past.layers.${layer}.${part}`, floatTensor([BATCH, config.heads, 0, width], [])] as const,
        ),
      );
      let caches: Readonly<Record<string, HostTensor>> = Object.fromEntries(empty);
      let start = 0;
      for (const [scale, side] of sides.entries()) {
        const length = side ** 2;
        const positions = intTensor(
          [length],
          Array.from({ length }, (_, place) => start + place),
        );
        const { logits: own, ...present } = await runOnce(referenceTarget, step, all, {
          ...{ class_ids: inputs.class_ids!, positions, next_input: told },
          ...caches,
        });
        for (let row = 0; row < BATCH; row++) {
          const at = (row * codeCount(config.quantizer) + start) * config.quantizer.codebookSize;
          const count = length * config.quantizer.codebookSize;
          const expected = floatTensor([count], logits!.data.slice(at, at + count));
          const actual = floatTensor([count], own!.data.slice(row * count, (row + 1) * count));
          expectClose(actual, expected, 1e-6, `scale ${scale}`);
        }
        caches = Object.fromEntries(
          Object.entries(present).map(([key, tensor]) => [key.replace('present', 'past'), tensor]),
        );
        if (scale === sides.length - 1) break;
        const codes = Array.from({ length: BATCH }, (_, row) =>
          Array.from(
            inputs.tokens!.data.slice(
              row * codeCount(config.quantizer) + start,
              row * codeCount(config.quantizer) + start + length,
            ),
          ),
        );
        const next = await runOnce(referenceTarget, steps[scale]!, all, {
          latent,
          tokens: intTensor([BATCH, length], codes.flat()),
        });
        latent = next['next.latent']!;
        told = next.next_input!;
        start += length;
      }
    });
  }

  it('whole numbers and mixtures of one code each tell the next scale the same', async () => {
    const weights = someWeights(varNextInput(plain, 1, 'numbers'));
    const latent = floats([2, 4, 3, 3], 5);
    const tokens = ints([2, 4], 7, 6);
    const mixtures = new Float32Array(2 * 4 * 7);
    for (const [place, token] of tokens.data.entries()) mixtures[place * 7 + token] = 1;
    const one = await runOnce(referenceTarget, varNextInput(plain, 1, 'numbers'), weights, {
      latent,
      tokens,
    });
    const other = await runOnce(referenceTarget, varNextInput(plain, 1, 'mixtures'), weights, {
      latent,
      mixtures: floatTensor([2, 4, 7], mixtures),
    });
    for (const name of ['next.latent', 'next_input']) expectClose(other[name]!, one[name]!, 1e-6, name);
  });

  it('a new network hardly changes what enters its blocks: gates are all but shut', () => {
    const graph = varTeacherForced({ ...plain, layers: 24 });
    const deviation = (values: Float32Array) =>
      Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
    const rows = drawnWeights(graph, 'blocks.3.ada_lin.1.weight', 1);
    const usual = Math.sqrt(1 / 36);
    const gates = deviation(rows.slice(0, 2 * 12 * 12));
    expect(gates).to.be.within(0.8e-4 * usual, 1.2e-4 * usual);
    expect(deviation(rows.slice(2 * 12 * 12))).to.be.within(0.4 * usual, 0.6 * usual);
    expect(new Set(drawnWeights(graph, 'blocks.3.attn.scale_mul_1H11', 1))).to.deep.equal(
      new Set([Math.fround(Math.log(4))]),
    );
    expect(deviation(drawnWeights(graph, 'head.weight', 1))).to.be.within(0.015 * usual, 0.025 * usual);
    const shared = varTeacherForced({ ...plain, sharedModulation: true });
    const own = drawnWeights(shared, 'blocks.1.ada_gss', 1);
    expect(deviation(own.slice(0, 24))).to.be.within(0.5e-3 / Math.sqrt(12), 2e-3 / Math.sqrt(12));
  });

  describe('with paths dropped', () => {
    const inputs = trainingBatch(plain);
    const weights = someWeights(varTeacherForced(plain));
    const key = (step: number) => intTensor([4], wordHalves([7, step]));
    const lossOf = async (target: Target, dropPath: number, step: number): Promise<number> => {
      const graph = varTeacherForced(plain, { dropPath });
      return (await runOnce(target, graph, weights, { ...inputs, dropout_key: key(step) })).loss!.data[0]!;
    };

    it('drops for whole pictures, what attention and what the feed-forward network add, never in the first block', () => {
      const graph = varTeacherForced({ ...plain, layers: 3 }, { dropPath: 0.5 });
      const drawn = nodesOf(graph).filter(
        (node) => node.kind === 'operation' && node.op.name === 'randomUniform',
      );
      expect(drawn.map(({ outputs: [tensor] }) => tensor!.shape.join())).to.deep.equal(
        new Array(4).fill('batch,1,1'),
      );
      expect(drawn.map(({ scope }) => scope.slice(0, 8)).sort()).to.deep.equal(
        ['blocks.1', 'blocks.1', 'blocks.2', 'blocks.2'].sort(),
      );
    });

    it('of next to nothing, it is the network without', async () => {
      const { loss } = await runOnce(referenceTarget, varTeacherForced(plain), weights, inputs);
      expect(await lossOf(referenceTarget, 1e-30, 1)).to.be.closeTo(loss!.data[0]!, 1e-6);
    });

    it('the same key drops the same, wherever it runs, another key something else', async () => {
      const once = await lossOf(referenceTarget, 0.5, 1);
      const others = await Promise.all([2, 3, 4].map((step) => lossOf(referenceTarget, 0.5, step)));
      expect(others.some((other) => Math.abs(other - once) > 1e-4)).to.equal(true);
      expect(await lossOf(TESTED_TARGETS[0]!, 0.5, 1)).to.be.closeTo(once, 1e-5 * Math.abs(once));
    });
  });
});

describe('resampling', () => {
  it('keeps what is flat, and what is of the same size', () => {
    for (const way of [bicubic, area, bilinear]) {
      for (const [from, to] of [
        [3, 8],
        [8, 3],
        [5, 5],
      ] as const)
        for (const row of way(from, to))
          expect(row.reduce((sum, weight) => sum + weight, 0)).to.be.closeTo(1, 1e-12);
      expect(way(4, 4).map((row) => row.map((weight) => Math.round(weight * 1e9) / 1e9 + 0))).to.deep.equal(
        [0, 1, 2, 3].map((place) => [0, 1, 2, 3].map((other) => Number(other === place))),
      );
    }
  });

  it('areas may share a place, and lines end at the border', () => {
    expect(area(3, 2)).to.deep.equal([
      [0.5, 0.5, 0],
      [0, 0.5, 0.5],
    ]);
    expect(bilinear(2, 4)).to.deep.equal([
      [1, 0],
      [0.75, 0.25],
      [0.25, 0.75],
      [0, 1],
    ]);
  });
});

describe('a multi-scale tokenizer', () => {
  const config = {
    ...{ channels: 32, channelMultipliers: [1, 1], residualBlocks: 1, quantizerKernel: 1 as const },
    quantizer: { ...quantizer, convolutions: { kind: 'listed' as const, count: 3 } },
  };

  it('of one convolution for each scale has each where it belongs', () => {
    for (const scales of [2, 3, 4, 5, 10, 14])
      expect(convolutionOfScale(scales, scales)).to.deep.equal(
        Array.from({ length: scales }, (_, scale) => scale),
      );
    expect([...new Set(parametersOf(multiScaleDecoder(config)).map(({ name }) => name))]).to.include.members(
      [0, 1, 2].map((scale) => `quantize.quant_resi.${scale}.weight`),
    );
  });

  for (const target of TESTED_TARGETS)
    it(`encodes and decodes on ${target.name} as the reference does, and sums as the codes that they are of`, async () => {
      const weights = someWeights(multiScaleEncoder(config), multiScaleDecoder(config));
      const image = floats([2, 3, 6, 6], 3, 1);
      const expected = await runOnce(referenceTarget, multiScaleEncoder(config, { whole: true }), weights, {
        image,
      });
      const actual = await runOnce(target, multiScaleEncoder(config, { whole: true }), weights, { image });
      expectClose(actual.latent!, expected.latent!, 1e-5, 'latent');
      expectClose(actual.indices!, expected.indices!, 0, 'indices');
      const indices = expected.indices!;
      const decoded = await runOnce(target, multiScaleDecoder(config), weights, { indices });
      expectClose(decoded.latent!, expected['sum.2']!, 1e-5, 'sum');
      const { data } = decoded.latent!;
      const rows = Float32Array.from(data, (_, at) => {
        const [picture, place, channel] = [Math.floor(at / 36), Math.floor(at / 4) % 9, at % 4];
        return data[picture * 36 + channel * 9 + place]!;
      });
      const vectors = floatTensor([2, 3, 3, 4], rows);
      const again = await runOnce(target, multiScaleLatentDecoder(config), weights, { vectors });
      expectClose(again.image!, decoded.image!, 1e-5, 'image');
    });
});
