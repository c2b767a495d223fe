import { mkdirSync } from 'node:fs';
import { expect } from 'chai';
import { dim, input, makeGraph, mean, multiply, parameter } from '../../src/dsl/index.js';
import { InputError } from '../../src/errors.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { floatTensor } from '../../src/targets/target.js';
import { readCheckpoint } from '../../src/training/runFolder.js';
import { readLog } from '../../src/training/runLog.js';
import { train, type TrainingSettings } from '../../src/training/trainingLoop.js';
import { ADAMW_DEFAULTS } from '../../src/training/trainingStep.js';
import { temporaryFolder } from '../support/temporary.js';

describe('training on numbers that are not finite', () => {
  const temporary = temporaryFolder();

  /** A loss w·x of one weight, whose x is what is given at that step and 1 else. */
  const settings = (wrongStep: number, wrong: number): TrainingSettings => {
    const x = input('x', 'f32', [dim('batch')]);
    const w = parameter('w', [1], { kind: 'ones' });
    return {
      lossGraph: makeGraph('small', [x], { loss: mean(multiply(w, x)) }),
      optimizer: ADAMW_DEFAULTS,
      learningRate: { peak: 0.01, final: 0.01, warmupSteps: 0, totalSteps: 6 },
      totalSteps: 6,
      seed: 1,
      checkpointEvery: 2,
      batch: async (step) => [{ x: floatTensor([1], [step === wrongStep ? wrong : 1]) }],
      validation: [],
    };
  };
  const failureOf = async (name: string, wrongStep: number, wrong: number): Promise<Error> => {
    mkdirSync(temporary(name));
    const run = train(
      temporary(name),
      settings(wrongStep, wrong),
      referenceTarget,
      new AbortController().signal,
    );
    const failure = await run.then(
      () => undefined,
      (error: Error) => error,
    );
    expect(failure).to.be.instanceOf(InputError);
    return failure!;
  };

  it('ends with the step, the number and the checkpoint that is kept', async () => {
    for (const [wrong, says] of [
      [Infinity, 'the loss is Infinity'],
      [Number.NaN, 'the loss is NaN'],
    ] as const) {
      const { message } = await failureOf(`loss ${wrong}`, 3, wrong);
      expect(message).to.include(`step 3: ${says}`).and.include('the checkpoint of step 2 is kept');
      expect(readCheckpoint(temporary(`loss ${wrong}`))!.step).to.equal(2);
      const steps = readLog(temporary(`loss ${wrong}`)).map(({ step }) => step);
      expect(steps).to.deep.equal([1, 2]);
    }
  });

  it('says when there is no checkpoint yet, and sees a gradient that overflows', async () => {
    expect((await failureOf('first', 1, Number.NaN)).message).to.include('no checkpoint was written');
    // Its square is beyond float64; the loss is not.
    const { message } = await failureOf('gradient', 2, 1e300);
    expect(message).to.match(/step 2: the (loss|gradient norm) is Infinity/);
  });
});
