import { expect } from 'chai';
import { arpgTeacherForced } from '../../graphs/arpg.js';
import { keyedDropout } from '../../graphs/dropout.js';
import { arpgConfig, arpgFields } from '../support/arpg.js';
import { withGradients } from '../../src/compiler/gradient.js';
import { add, dim, mean, multiply, parameter, reshape, scope, subtract, sum } from '../../src/dsl/index.js';
import { makeGraph, nodesOf } from '../../src/graph/graph.js';
import { wordHalves } from '../../src/random/philox.js';
import { input } from '../../src/graph/sources.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { storedFloats } from '../../src/graph/weights.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { floatTensor, type HostTensor, intTensor, type TargetTensor } from '../../src/targets/target.js';
import { CODE_AGE, restartDeadCodes } from '../../src/training/deadCodes.js';
import { initialState } from '../../src/training/trainingState.js';
import { accumulationStep } from '../../src/training/gradientStep.js';
import { gradientName, stateName, trainedParameters } from '../../src/training/stepNames.js';
import { ADAMW_DEFAULTS, trainingStep } from '../../src/training/trainingStep.js';
import { expectClose, floats, TESTED_TARGETS } from '../support/conformance.js';
import { goldenJson, goldenNumbers } from '../support/golden.js';

const config = arpgConfig(arpgFields(goldenJson('arpg-tiny.json').config, 'arpg-tiny.json'));
const golden = goldenNumbers('arpg-tiny.expected.safetensors');
const target = onnxTarget({ threads: 2 });
const numbers = { learning_rate: floatTensor([], [1e-3]), step: floatTensor([], [1]) };

function rows({ dtype, shape, data }: HostTensor, from: number, to: number): HostTensor {
  const width = data.length / shape[0]!;
  const part = data.slice(from * width, to * width) as HostTensor['data'];
  return { dtype, shape: [to - from, ...shape.slice(1)], data: part };
}

describe('training step options', () => {
  const lossGraph = arpgTeacherForced(config);
  const batch = {
    tokens: golden('train.input_ids'),
    class_ids: golden('train.condition'),
    orders: golden('train.orders'),
  };
  const count = batch.tokens.shape[0]!;
  const part = (from: number, to: number) =>
    Object.fromEntries(Object.entries(batch).map(([name, tensor]) => [name, rows(tensor, from, to)]));
  const whole = trainingStep(lossGraph);
  const state = initialState(lossGraph, whole, ADAMW_DEFAULTS, 3);
  const names = trainedParameters(lossGraph).map(({ name }) => name);
  /** The first moment after one step is a tenth of the clipped gradient: it tells whether gradients agree. */
  const moments = names.map((name) => `next.${stateName('first_moment', name)}`);

  it('a batch in parts gives the gradient of the whole batch', async () => {
    expect(count % 2).to.equal(0);
    const expected = await (await target.compile(whole)).run({ ...batch, ...state, ...numbers });
    const options = { parts: 2 };
    const first = await target.compile(accumulationStep(lossGraph, options));
    const zeros = Object.fromEntries(
      names.map((name) => [gradientName(name), state[stateName('first_moment', name)]!]),
    );
    const outputs = await first.run({ ...part(0, count / 2), ...state, ...zeros });
    const gradients = Object.fromEntries(
      names.map((name): [string, TargetTensor] => [
        gradientName(name),
        outputs[`next.${gradientName(name)}`]!,
      ]),
    );
    const last = await target.compile(trainingStep(lossGraph, ADAMW_DEFAULTS, options));
    const actual = await last.run({ ...part(count / 2, count), ...state, ...gradients, ...numbers });
    for (const name of ['gradient_norm', ...moments])
      expectClose(await actual[name]!.read(), await expected[name]!.read(), 1e-4, name);
  });

  for (const each of [referenceTarget, ...TESTED_TARGETS]) {
    it(`activations computed again give the same step on ${each.name}`, async () => {
      const again = trainingStep(lossGraph, ADAMW_DEFAULTS, { recompute: true });
      const inputs = { ...batch, ...state, ...numbers };
      const expected = await (await target.compile(whole)).run(inputs, ['loss', ...moments]);
      const actual = await (await each.compile(again)).run(inputs, ['loss', ...moments]);
      for (const name of ['loss', ...moments])
        expectClose(await actual[name]!.read(), await expected[name]!.read(), 1e-3, name);
    });
  }

  it('recomputing computes blocks twice', () => {
    const products = (recompute: boolean) =>
      nodesOf(trainingStep(lossGraph, ADAMW_DEFAULTS, { recompute })).filter(
        (node) => node.kind === 'operation' && node.op.name === 'matmul',
      ).length;
    expect(products(true)).to.be.greaterThan(products(false) * 1.2);
  });
});

describe('dropout', () => {
  const key = (step: number) => intTensor([4], wordHalves([7, step]));
  const build = () => {
    const x = input('x', 'f32', [dim('batch'), 1000]);
    const keyInput = input('key', 'i32', [4]);
    const dropout = keyedDropout(0.25, keyInput);
    return makeGraph('dropout', [x, keyInput], { first: dropout(x), second: dropout(x) });
  };
  const x = floatTensor([2, 1000], new Float32Array(2000).fill(3));

  for (const each of [referenceTarget, ...TESTED_TARGETS]) {
    it(`drops its share, keeps the mean, and depends on key and call alone on ${each.name}`, async () => {
      const executable = await each.compile(build());
      const run = async (step: number) => {
        const { first, second } = await executable.run({ x, key: key(step) });
        return [Array.from((await first!.read()).data), Array.from((await second!.read()).data)] as const;
      };
      const [first, second] = await run(1);
      const dropped = first.filter((value) => value === 0).length / first.length;
      expect(dropped).to.be.closeTo(0.25, 0.03);
      for (const value of first) if (value !== 0) expect(value).to.be.closeTo(4, 1e-5);
      expect(second).to.not.deep.equal(first);
      expect(await run(1)).to.deep.equal([first, second]);
      expect((await run(2))[0]).to.not.deep.equal(first);
      await executable.dispose();
    });
  }

  it('the loss graph asks for a key only with dropout, and its gradient skips what was dropped', async () => {
    expect(arpgTeacherForced(config).inputs).to.have.length(3);
    expect(arpgTeacherForced(config, { dropout: 0.1 }).inputs).to.have.length(4);
    const graph = build();
    const loss = makeGraph('loss', graph.inputs, {
      loss: sum(graph.outputs.first!),
      kept: graph.outputs.first!,
    });
    const executable = await target.compile(withGradients(loss, 'loss', ['x']));
    const { 'gradient.x': gradient, kept } = await executable.run({ x, key: key(1) });
    const values = (await kept!.read()).data;
    for (const [index, value] of (await gradient!.read()).data.entries())
      expect(value).to.be.closeTo(values[index]! / 3, 1e-5);
  });
});

describe('restart of dead codes', () => {
  /** Latents choose code 0 or 1 of four; the loss pulls the chosen codes a little. */
  const lossGraph = (() => {
    const latents = input('latents_in', 'f32', [3, 2]);
    const indices = input('indices_in', 'i32', [3]);
    const codes = scope('quantize.embedding', () =>
      parameter('weight', [4, 2], { kind: 'uniform', bound: 1 }),
    );
    const loss = add(mean(multiply(codes, codes)), mean(subtract(latents, latents)));
    return makeGraph('codes', [latents, indices], {
      loss,
      indices: reshape(indices, [1, 3]),
      latents: reshape(latents, [1, 3, 2]),
    });
  })();
  const options = { ...ADAMW_DEFAULTS, emaDecay: 0.9 };
  const codebook = 'quantize.embedding.weight';

  for (const each of [referenceTarget, ...TESTED_TARGETS]) {
    it(`replaces codes that were not used for the given steps by latents on ${each.name}`, async () => {
      const graph = trainingStep(lossGraph, options, { extension: restartDeadCodes(4, 2, 5) });
      const executable = await each.compile(graph);
      const latents = floats([3, 2], 9);
      const data = { latents_in: latents, indices_in: intTensor([3], [0, 1, 0]) };
      let state: Record<string, TargetTensor> = { ...initialState(lossGraph, graph, options, 1) };
      const run = async (step: number) => {
        const outputs = await executable.run({
          ...data,
          ...state,
          ...numbers,
          step: floatTensor([], [step]),
        });
        state = Object.fromEntries(Object.keys(state).map((name) => [name, outputs[`next.${name}`]!]));
        const read = async (name: string) => Array.from((await outputs[name]!.read()).data);
        return { read, restarted: (await read('restarted_codes'))[0], use: (await read('codebook_use'))[0] };
      };
      const first = await run(1);
      expect([first.restarted, first.use]).to.deep.equal([0, 0.5]);
      expect(await first.read(`next.${CODE_AGE}`)).to.deep.equal([0, 0, 1, 1]);
      const second = await run(2);
      expect(second.restarted).to.equal(2);
      expect(await second.read(`next.${CODE_AGE}`)).to.deep.equal([0, 0, 0, 0]);
      const known = Array.from({ length: 3 }, (_, row) =>
        Array.from(latents.data.slice(2 * row, 2 * row + 2)).join(),
      );
      for (const part of ['parameter', 'ema'] as const) {
        const codes = await second.read(`next.${stateName(part, codebook)}`);
        for (const code of [2, 3]) expect(known).to.include(codes.slice(2 * code, 2 * code + 2).join());
        expect(known).to.not.include(codes.slice(0, 2).join());
      }
      const moment = await second.read(`next.${stateName('first_moment', codebook)}`);
      expect(moment.slice(4)).to.deep.equal([0, 0, 0, 0]);
      expect(moment[0]).to.not.equal(0);
      await executable.dispose();
    });
  }

  for (const each of [referenceTarget, ...TESTED_TARGETS]) {
    it(`without a limit counts uses alone, of a codebook that is frozen, too, on ${each.name}`, async () => {
      const frozen = new Set([codebook]);
      const extension = restartDeadCodes(4, Number.POSITIVE_INFINITY, 5);
      const scale = parameter('scale', [1], { kind: 'ones' });
      const { inputs, outputs } = lossGraph;
      const scaled = makeGraph('scaled', inputs, { ...outputs, loss: mean(multiply(scale, outputs.loss!)) });
      const graph = trainingStep(scaled, options, { frozen, extension });
      const weights = new Map([[codebook, storedFloats([4, 2], new Float32Array(8).fill(0.5))]]);
      const executable = await each.compile(graph, { weights });
      const state = initialState(scaled, graph, options, 1);
      const batch = { latents_in: floats([3, 2], 9), indices_in: intTensor([3], [0, 1, 0]) };
      const step = await executable.run({ ...batch, ...state, ...numbers });
      const read = async (name: string) => Array.from((await step[name]!.read()).data);
      expect(await read(`next.${CODE_AGE}`)).to.deep.equal([0, 0, 1, 1]);
      expect([await read('codebook_use'), await read('restarted_codes')]).to.deep.equal([[0.5], [0]]);
      expect(Object.keys(step)).to.not.include(`next.${stateName('parameter', codebook)}`);
      await executable.dispose();
    });
  }

  for (const each of [referenceTarget, ...TESTED_TARGETS]) {
    it(`counts uses in all parts of a batch on ${each.name}`, async () => {
      const stepOptions = { parts: 2, extension: restartDeadCodes(4, 1, 5) };
      const graph = trainingStep(lossGraph, options, stepOptions);
      const partGraph = accumulationStep(lossGraph, stepOptions);
      const state = initialState(lossGraph, graph, options, 1);
      const latents_in = floats([3, 2], 9);
      const soFar = {
        [gradientName(codebook)]: floatTensor([4, 2], new Float32Array(8)),
        'gathered.code_uses': floatTensor([4], new Float32Array(4)),
      };
      const part = await each.compile(partGraph);
      const first = await part.run({ latents_in, indices_in: intTensor([3], [0, 2, 2]), ...state, ...soFar });
      expect(Array.from((await first['next.gathered.code_uses']!.read()).data)).to.deep.equal([1, 0, 2, 0]);
      const last = await each.compile(graph);
      const outputs = await last.run({
        latents_in,
        indices_in: intTensor([3], [1, 1, 1]),
        ...state,
        ...Object.fromEntries(Object.keys(soFar).map((name) => [name, first[`next.${name}`]!])),
        ...numbers,
      });
      const read = async (name: string) => Array.from((await outputs[name]!.read()).data);
      expect(await read('codebook_use')).to.deep.equal([0.75]);
      expect(await read('restarted_codes')).to.deep.equal([1]);
      await part.dispose();
      await last.dispose();
    });
  }
});
