import { expect } from 'chai';
import { arpgTeacherForced } from '../../graphs/arpg.js';
import { arpgConfig, arpgFields } from '../support/arpg.js';
import { makeGraph, mean, multiply, NORMAL_INITIALIZER, parameter } from '../../src/dsl/index.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { floatTensor } from '../../src/targets/target.js';
import { stateName, trainedParameters } from '../../src/training/stepNames.js';
import { ADAMW_DEFAULTS, trainingStep } from '../../src/training/trainingStep.js';
import { TESTED_TARGETS } from '../support/conformance.js';
import { goldenJson } from '../support/golden.js';
import { describeGoldenSteps, QUICK_STEP_TARGETS } from '../support/goldenSteps.js';

const config = arpgConfig(arpgFields(goldenJson('arpg-tiny.json').config, 'arpg-tiny.json'));

describe('training step', () => {
  const lossGraph = arpgTeacherForced(config);
  const names = trainedParameters(lossGraph).map(({ name }) => name);

  describeGoldenSteps([
    referenceTarget,
    ...TESTED_TARGETS.filter(({ name }) => QUICK_STEP_TARGETS.includes(name)),
  ]);

  it('tensors of one axis decay only where that is asked for', async () => {
    const weight = parameter('weight', [2], NORMAL_INITIALIZER);
    const graph = makeGraph('loss', [], { loss: mean(multiply(weight, 0)) });
    for (const decaysVectors of [false, true]) {
      const step = trainingStep(graph, { ...ADAMW_DEFAULTS, weightDecay: 0.5, decaysVectors });
      const executable = await referenceTarget.compile(step);
      const zero = floatTensor([2], [0, 0]);
      const outputs = await executable.run({
        [stateName('parameter', 'weight')]: floatTensor([2], [4, -2]),
        [stateName('first_moment', 'weight')]: zero,
        [stateName('second_moment', 'weight')]: zero,
        learning_rate: floatTensor([], [0.1]),
        step: floatTensor([], [1]),
      });
      const { data } = await outputs[`next.${stateName('parameter', 'weight')}`]!.read();
      const share = decaysVectors ? 0.95 : 1;
      for (const [at, value] of [4, -2].entries()) expect(data[at]).to.be.closeTo(value * share, 1e-6);
      await executable.dispose();
    }
  });

  it('keeps no averaged weights unless asked to', () => {
    const { inputs, outputs } = trainingStep(lossGraph);
    expect(Object.keys(outputs).some((name) => name.includes('ema'))).to.equal(false);
    expect(inputs.length).to.equal(3 + 3 * names.length + 2);
  });
});
