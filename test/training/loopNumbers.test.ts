import { expect } from 'chai';
import { add, dim, input, makeGraph, mean, multiply, parameter, subtract } from '../../src/dsl/index.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { floatTensor } from '../../src/targets/target.js';
import { createRun, readBestCheckpoint } from '../../src/training/runFolder.js';
import { readLog } from '../../src/training/runLog.js';
import { train, type TrainingSettings } from '../../src/training/trainingLoop.js';
import { ADAMW_DEFAULTS } from '../../src/training/trainingStep.js';
import { temporaryFolder } from '../support/temporary.js';

const target = onnxTarget({ threads: 1 });

/** One number that is to become another; the loss has a part of its own. */
function numberSettings(goal: (step: number) => readonly number[]): TrainingSettings {
  const wanted = input('wanted', 'f32', [dim('batch')]);
  const difference = subtract(parameter('number', [1], { kind: 'zeros' }), wanted);
  const squared = mean(multiply(difference, difference));
  const asTensor = (values: readonly number[]) => ({ wanted: floatTensor([values.length], values) });
  return {
    lossGraph: makeGraph('number', [wanted], { loss: add(squared, squared), squared_loss: squared }),
    optimizer: ADAMW_DEFAULTS,
    learningRate: { peak: 0.01, final: 0.01, warmupSteps: 0, totalSteps: 100 },
    totalSteps: 100,
    seed: 1,
    checkpointEvery: 50,
    batch: async (step) => goal(step).map((value) => asTensor([value])),
    validation: [asTensor([1])],
  };
}

describe('numbers of the training loop', () => {
  const temporary = temporaryFolder();
  const run = async (name: string, settings: TrainingSettings) => {
    createRun(temporary(name), {})();
    await train(temporary(name), settings, target, new AbortController().signal);
    return { folder: temporary(name), log: readLog(temporary(name)) };
  };

  it('averages all that is logged over the parts of a batch', async () => {
    const settings = { ...numberSettings(() => [1, 3]), step: { parts: 2 }, totalSteps: 1 };
    const { log } = await run('parts', settings);
    expect(log[0]!.squared_loss).to.be.closeTo((1 + 9) / 2, 1e-5);
    expect(log[0]!.loss).to.be.closeTo(1 + 9, 1e-5);
  });

  it('averaged weights do not hang on to where they started, and the better ones are kept', async () => {
    const slow = { ...numberSettings(() => [1]), optimizer: { ...ADAMW_DEFAULTS, emaDecay: 0.9999 } };
    const { folder, log } = await run('warm', slow);
    const last = log.at(-1)!;
    // Without warm-up the average would have moved by a hundredth of the way, and the loss would be 2.
    expect(last.validation_loss_averaged!).to.be.below(0.4);
    expect(last.validation_loss_last!).to.be.below(last.validation_loss_averaged!);
    expect(last.validation_loss).to.equal(last.validation_loss_last);
    expect(readBestCheckpoint(folder, 'ema').part).to.equal('parameter');
    const noisy = {
      ...numberSettings((step) => [step % 2 === 0 ? 2.2 : -0.2]),
      optimizer: { ...ADAMW_DEFAULTS, emaDecay: 0.99 },
      learningRate: { peak: 0.5, final: 0.5, warmupSteps: 0, totalSteps: 100 },
    };
    const other = await run('noisy', noisy);
    expect(readBestCheckpoint(other.folder, 'parameter').part).to.equal('ema');
    const best = Math.min(...other.log.map(({ validation_loss: held }) => held ?? Number.POSITIVE_INFINITY));
    expect(readBestCheckpoint(other.folder, 'parameter').checkpoint.best!.loss).to.equal(best);
  });

  it('nothing held out: the last weights are kept, averaged where there is an average', async () => {
    const settings = { ...numberSettings(() => [1]), validation: [] };
    const { folder, log } = await run('unseen', settings);
    expect(log.some((entry) => entry.validation_loss !== undefined)).to.equal(false);
    const kept = readBestCheckpoint(folder, 'ema');
    expect([kept.checkpoint.step, kept.checkpoint.best, kept.part]).to.deep.equal([100, undefined, 'ema']);
  });
});
