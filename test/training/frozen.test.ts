import { expect } from 'chai';
import {
  add,
  constant,
  dim,
  input,
  makeGraph,
  matmul,
  mean,
  multiply,
  parameter,
  subtract,
  tanh,
} from '../../src/dsl/index.js';
import type { Graph } from '../../src/graph/graph.js';
import { GraphError } from '../../src/graph/graphError.js';
import { readFloats, storedFloats, type Weights } from '../../src/graph/weights.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { floatTensor, type Target, type TargetTensor } from '../../src/targets/target.js';
import { createRun, readBestCheckpoint, readCheckpoint, reopenRun } from '../../src/training/runFolder.js';
import { readLog } from '../../src/training/runLog.js';
import { train, type TrainingSettings } from '../../src/training/trainingLoop.js';
import { initialState, trainedWeights, type TrainingState } from '../../src/training/trainingState.js';
import { accumulationStep } from '../../src/training/gradientStep.js';
import { gradientName } from '../../src/training/stepNames.js';
import { ADAMW_DEFAULTS, trainingStep } from '../../src/training/trainingStep.js';
import { expectClose, floats, TESTED_TARGETS } from '../support/conformance.js';
import { temporaryFolder } from '../support/temporary.js';

const WEIGHTS = {
  'first.weight': floats([3, 4], 1),
  'second.weight': floats([4, 2], 2),
  'second.bias': floats([1, 2], 3),
};
type Name = keyof typeof WEIGHTS;
const NAMES = Object.keys(WEIGHTS) as readonly Name[];

/** Two layers that should give the targets `y`; parameters may be constants instead. */
function twoLayers(constants: readonly Name[] = []) {
  const [x, y] = [input('x', 'f32', [dim('batch'), 3]), input('y', 'f32', [dim('batch'), 2])];
  const [first, second, bias] = NAMES.map((name) => {
    const { shape, data } = WEIGHTS[name];
    return constants.includes(name)
      ? constant('f32', shape, data)
      : parameter(name, shape, { kind: 'normal', standardDeviation: 1 });
  });
  const made = add(matmul(tanh(matmul(x, first!)), second!), bias!);
  const difference = subtract(made, y);
  return makeGraph('two-layers', [x, y], { loss: mean(multiply(difference, difference)) });
}

const stored: Weights = new Map(
  NAMES.map((name) => [name, storedFloats(WEIGHTS[name].shape, WEIGHTS[name].data as Float32Array)]),
);
const batchOf = (seed: number) => ({ x: floats([4, 3], seed), y: floats([4, 2], seed + 1) });
const FROZEN: ReadonlySet<string> = new Set<Name>(['first.weight', 'second.bias']);
const options = { ...ADAMW_DEFAULTS, emaDecay: 0.9 };

/** The state after some steps, and each step's gradient norm. */
async function steps(target: Target, lossGraph: Graph, frozen: ReadonlySet<string>) {
  const graph = trainingStep(lossGraph, options, { frozen });
  const executable = await target.compile(graph, { weights: stored });
  let state: TrainingState = initialState(lossGraph, graph, options, 1, stored);
  const norms: number[] = [];
  for (let step = 1; step <= 3; step++) {
    const numbers = { learning_rate: floatTensor([], [0.1]), step: floatTensor([], [step]) };
    const outputs = await executable.run({ ...batchOf(10 * step), ...state, ...numbers });
    norms.push((await outputs.gradient_norm!.read()).data[0]!);
    const read = async (name: string): Promise<[string, TargetTensor]> => [
      name,
      await outputs[`next.${name}`]!.read(),
    ];
    state = Object.fromEntries(await Promise.all(Object.keys(state).map(read)));
  }
  await executable.dispose();
  return { state, norms };
}

describe('frozen parameters', () => {
  it('are no state of the step: no gradient, moments or average', () => {
    const graph = trainingStep(twoLayers(), options, { frozen: FROZEN });
    const state = Object.keys(initialState(twoLayers(), graph, options, 1));
    const parts = ['parameter', 'first_moment', 'second_moment', 'ema'];
    expect(state).to.have.members(parts.map((part) => `${part}.second.weight`));
    const names = Object.keys(graph.outputs).filter((name) => name.startsWith('next.'));
    expect(names).to.have.members(state.map((name) => `next.${name}`));
    const { outputs } = accumulationStep(twoLayers(), { parts: 2, frozen: FROZEN });
    expect(Object.keys(outputs)).to.have.members(['loss', `next.${gradientName('second.weight')}`]);
  });

  it('all of them leave nothing to train', () => {
    expect(() => trainingStep(twoLayers(), options, { frozen: new Set(NAMES) })).to.throw(
      GraphError,
      'no parameter that is not frozen',
    );
  });

  it('leave the others the gradient that finite differences give', async () => {
    const lossWith = async (data: Float32Array) => {
      const weights = new Map([...stored, ['second.weight', storedFloats([4, 2], data)] as const]);
      const loss = await referenceTarget.compile(twoLayers(), { weights });
      const value = (await (await loss.run(batchOf(10))).loss!.read()).data[0]!;
      await loss.dispose();
      return value;
    };
    const width = 1 / 64;
    let squares = 0;
    for (let index = 0; index < 8; index++) {
      const moved = (by: number) =>
        lossWith((WEIGHTS['second.weight'].data as Float32Array).map((w, at) => w + (at === index ? by : 0)));
      squares += (((await moved(width)) - (await moved(-width))) / (2 * width)) ** 2;
    }
    for (const target of [referenceTarget, ...TESTED_TARGETS]) {
      const { norms } = await steps(target, twoLayers(), FROZEN);
      expect(norms[0]!, target.name).to.be.closeTo(Math.sqrt(squares), 1e-4 * Math.sqrt(squares));
    }
  });

  for (const target of [referenceTarget, ...TESTED_TARGETS])
    it(`leave the others the steps of a network that has them as constants on ${target.name}`, async () => {
      const frozen = await steps(target, twoLayers(), FROZEN);
      const constants = await steps(target, twoLayers(['first.weight', 'second.bias']), new Set());
      const tolerance = target === referenceTarget ? 0 : 1e-5;
      expect(Object.keys(frozen.state)).to.have.members(Object.keys(constants.state));
      for (const [name, expected] of Object.entries(constants.state))
        expectClose(await hostOf(frozen.state[name]!), await hostOf(expected), tolerance, name);
      const { state } = await steps(target, twoLayers(), new Set());
      const other = await hostOf(state['parameter.second.weight']!);
      expect(other.data).to.not.deep.equal((await hostOf(constants.state['parameter.second.weight']!)).data);
    });
});

const hostOf = async (tensor: TargetTensor) => ('read' in tensor ? tensor.read() : tensor);

describe('a run with frozen parameters', () => {
  const temporary = temporaryFolder();
  const target = onnxTarget({ threads: 1 });
  const settings = (frozen: ReadonlySet<string>, given?: Weights): TrainingSettings => ({
    lossGraph: twoLayers(),
    step: { frozen, parts: 2 },
    optimizer: { ...ADAMW_DEFAULTS, emaDecay: 0.5 },
    learningRate: { peak: 0.1, final: 0.01, warmupSteps: 1, totalSteps: 6 },
    totalSteps: 6,
    seed: 7,
    checkpointEvery: 2,
    batch: async (step) => [batchOf(10 * step), batchOf(10 * step + 5)],
    validation: [batchOf(1000)],
    ...(given && { initialWeights: given }),
  });
  const weightsOf = (folder: string, part: 'parameter' | 'ema') =>
    Object.fromEntries(
      [...trainedWeights(readCheckpoint(folder)!.state, part)].map(([name, tensor]) => [
        name,
        Array.from(readFloats(tensor)),
      ]),
    );
  const never = new AbortController().signal;
  const start = async (folder: string, given?: Weights, signal = never, frozen = FROZEN) => {
    const release = createRun(folder, {});
    await train(folder, settings(frozen, given), target, signal);
    release();
  };

  it('keeps them to the bit in all that it saves, and trains the others', async () => {
    await start(temporary('given'), stored);
    for (const part of ['parameter', 'ema'] as const) {
      const after = weightsOf(temporary('given'), part);
      expect(Object.keys(after)).to.have.members(NAMES);
      for (const name of NAMES)
        if (FROZEN.has(name)) expect(after[name], name).to.deep.equal(Array.from(WEIGHTS[name].data));
        else expect(after[name], name).to.not.deep.equal(Array.from(WEIGHTS[name].data));
    }
    const { checkpoint, part } = readBestCheckpoint(temporary('given'), 'ema');
    expect([...trainedWeights(checkpoint.state, part).keys()]).to.have.members(NAMES);
  });

  it('draws them as a run without frozen ones does, where none are given', async () => {
    await start(temporary('drawn'));
    const release = createRun(temporary('free'), {});
    const stopped = AbortSignal.abort();
    await train(temporary('free'), settings(new Set()), target, stopped);
    release();
    const free = weightsOf(temporary('free'), 'parameter');
    const drawn = weightsOf(temporary('drawn'), 'parameter');
    for (const name of FROZEN) expect(drawn[name]).to.deep.equal(free[name]);
    expect(drawn['second.weight']).to.not.deep.equal(free['second.weight']);
  });

  it('continues to the same weights and losses after it was stopped', async () => {
    await start(temporary('whole'), stored);
    const controller = new AbortController();
    const release = createRun(temporary('parts'), {});
    await train(temporary('parts'), settings(FROZEN, stored), target, controller.signal, ({ step }) => {
      if (step === 3) controller.abort();
    });
    release();
    // What it started from is needed no more.
    const again = reopenRun(temporary('parts'));
    const { stopped } = await train(temporary('parts'), settings(FROZEN), target, never);
    again();
    expect(stopped).to.equal(false);
    for (const part of ['parameter', 'ema'] as const)
      expect(weightsOf(temporary('parts'), part)).to.deep.equal(weightsOf(temporary('whole'), part));
    const losses = (name: string) =>
      readLog(temporary(name)).map(({ step, loss, validation_loss: held }) => [step, loss, held]);
    expect(losses('parts')).to.deep.equal(losses('whole'));
  });
});
