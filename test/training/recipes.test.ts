import { expect } from 'chai';
import { makeGraph, mean, multiply, parameter } from '../../src/dsl/index.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { floatTensor } from '../../src/targets/target.js';
import { learningRateAt, weightDecayAt } from '../../src/training/learningRate.js';
import { drawnWeights } from '../../src/training/trainingState.js';
import { ADAMW_DEFAULTS, trainingStep } from '../../src/training/trainingStep.js';
import { runOnce } from '../support/golden/subject.js';

describe('what recipes change', () => {
  const one = parameter('one', [2, 2], { kind: 'ones' });
  const kept = parameter('pos_kept', [2, 2], { kind: 'ones' });
  // Without a gradient, only the decay moves them.
  const loss = makeGraph('still', [], { loss: mean(multiply(multiply(one, kept), 0)) });
  const zeros = floatTensor([2, 2], new Float32Array(4));
  const state = Object.fromEntries(
    ['one', 'pos_kept'].flatMap((name) => [
      [`parameter.${name}`, floatTensor([2, 2], [1, 1, 1, 1])] as const,
      [`first_moment.${name}`, zeros] as const,
      [`second_moment.${name}`, zeros] as const,
    ]),
  );
  const stepped = async (options: object, numbers: Readonly<Record<string, number>>) => {
    const given = Object.entries({ learning_rate: 0.5, step: 1, ...numbers }).map(
      ([name, value]) => [name, floatTensor([], [value])] as const,
    );
    const step = trainingStep(loss, { ...ADAMW_DEFAULTS, ...options });
    return runOnce(referenceTarget, step, new Map(), { ...state, ...Object.fromEntries(given) });
  };

  it('parameters of some names do not decay, whatever their axes', async () => {
    const outputs = await stepped({ undecayed: /pos_/ }, {});
    expect(outputs['next.parameter.pos_kept']!.data[0]).to.equal(1);
    expect(outputs['next.parameter.one']!.data[0]).to.be.closeTo(1 - 0.5 * 0.05, 1e-6);
  });

  it('a decay that changes is given with each step', async () => {
    const outputs = await stepped({ finalWeightDecay: 0.08 }, { weight_decay: 0.07 });
    expect(outputs['next.parameter.one']!.data[0]).to.be.closeTo(1 - 0.5 * 0.07, 1e-6);
    expect([1, 51, 101].map((step) => weightDecayAt(step, 0.05, 0.08, 101))).to.deep.equal([
      0.05, 0.065, 0.08,
    ]);
    expect(weightDecayAt(500, 0.05, 0.08, 101)).to.equal(0.08);
  });

  it('a straight rate rises from next to nothing, is held, and ends at its last step', () => {
    const schedule = {
      peak: 2,
      final: 0.2,
      warmupSteps: 10,
      totalSteps: 111,
      holdShare: 0.05,
      isStraight: true,
    };
    const rates = Array.from({ length: 112 }, (_, index) => learningRateAt(index + 1, schedule));
    expect(rates[0]).to.be.closeTo(0.01, 1e-12);
    expect(rates[10]).to.equal(2);
    expect(rates[14]).to.equal(2);
    expect(rates[20]).to.be.below(2);
    expect(rates[110]).to.be.closeTo(0.2, 1e-12);
    expect(rates[111]).to.be.closeTo(0.2, 1e-12);
    for (let at = 16; at < 110; at++) expect(rates[at]! - rates[at + 1]!).to.be.closeTo(1.8 / 95, 1e-9);
  });

  it('parts of a parameter may start from numbers of other widths, and all from one number', () => {
    const parts = parameter('parts', [4, 500], { kind: 'normalParts', standardDeviations: [0, 3] });
    const filled = parameter('filled', [3], { kind: 'filled', value: 0.25 });
    const graph = makeGraph('made', [], { loss: mean(parts), other: filled });
    const drawn = drawnWeights(graph, 'parts', 1);
    expect(drawn.subarray(0, 1000).every((value) => value === 0)).to.equal(true);
    const squares = drawn.subarray(1000).reduce((sum, value) => sum + value ** 2, 0);
    expect(Math.sqrt(squares / 1000)).to.be.closeTo(3, 0.2);
    expect(Array.from(drawnWeights(graph, 'filled', 1))).to.deep.equal([0.25, 0.25, 0.25]);
  });
});
