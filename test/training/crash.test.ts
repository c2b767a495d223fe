import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { dim, input, makeGraph, matmul, mean, multiply, parameter, subtract } from '../../src/dsl/index.js';
import { writeFileAtomically } from '../../src/atomicFile.js';
import { OutputError } from '../../src/errors.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { floatTensor } from '../../src/targets/target.js';
import { createRun, readBestCheckpoint, readCheckpoint, reopenRun } from '../../src/training/runFolder.js';
import { readLog } from '../../src/training/runLog.js';
import { train, type TrainingSettings } from '../../src/training/trainingLoop.js';
import { trainedWeights } from '../../src/training/trainingState.js';
import { ADAMW_DEFAULTS } from '../../src/training/trainingStep.js';
import { FAULTS, withFault } from '../support/faultyFiles.js';
import { temporaryFolder } from '../support/temporary.js';

const target = onnxTarget({ threads: 1 });

/** A line through points, whose held-out loss falls, then rises: the best weights are not the last. */
function lineSettings(folder: string): TrainingSettings {
  const x = input('x', 'f32', [dim('batch'), 2]);
  const y = input('y', 'f32', [dim('batch'), 1]);
  const difference = subtract(matmul(x, parameter('weight', [2, 1], { kind: 'zeros' })), y);
  const points = (slope: number) => ({
    x: floatTensor([2, 2], Float32Array.of(1, 0.5, -1, 2)),
    y: floatTensor([2, 1], Float32Array.of(slope, 2 * slope)),
  });
  return {
    lossGraph: makeGraph('line', [x, y], { loss: mean(multiply(difference, difference)) }),
    optimizer: { ...ADAMW_DEFAULTS, emaDecay: 0.5 },
    learningRate: { peak: 0.3, final: 0.03, warmupSteps: 1, totalSteps: 7 },
    totalSteps: 7,
    seed: 1,
    checkpointEvery: 2,
    batch: async (step) => [points(1 + step / 10)],
    validation: [points(0.4)],
    preview: async (step) => writeFileAtomically(`${folder}/step-${step}.png`, [Uint8Array.of(step)]),
  };
}

/** What a run leaves behind: its log but for times, its kept weights, and the names of its files. */
function resultOf(folder: string): unknown {
  const { checkpoint, part } = readBestCheckpoint(folder, 'parameter');
  const kept = [...trainedWeights(checkpoint.state, part)].map(([name, tensor]) => [
    name,
    Buffer.from(tensor.read()).toString('hex'),
  ]);
  const last = [...readCheckpoint(folder)!.state].map(([name, tensor]) => [
    name,
    Buffer.from(tensor.read()).toString('hex'),
  ]);
  return {
    log: readLog(folder).map(({ seconds, ...entry }) => entry),
    lines: readFileSync(`${folder}/log.jsonl`, 'utf8').split('\n').length,
    best: [checkpoint.step, part],
    kept,
    last,
    files: (readdirSync(folder, { recursive: true }) as string[]).sort(),
  };
}

/** Every so many operations are tried here; the slow tests try them all. */
const STRIDE = Number(process.env.CRASH_STRIDE ?? 12);

describe('a run that is killed', function () {
  this.timeout(600_000);
  const temporary = temporaryFolder();
  const signal = new AbortController().signal;
  const start = async (folder: string) => {
    const release = createRun(folder, { kind: 'line' });
    await train(folder, lineSettings(folder), target, signal);
    release();
  };
  /** As a process that starts anew does it. */
  const goOn = async (folder: string) => {
    if (!existsSync(`${folder}/run.json`)) return start(folder);
    const release = reopenRun(folder);
    await train(folder, lineSettings(folder), target, signal);
    release();
  };
  /** The lock of a process that is no more: this one lives on. */
  const forgetLock = (folder: string) => rmSync(`${folder}/lock`, { force: true });
  let whole: unknown;
  let operations = 0;

  before(async () => {
    const folder = temporary('whole');
    operations = await withFault({ at: -1, fault: 'before' }, () => start(folder));
    whole = resultOf(folder);
  });

  it('keeps weights that are not the last, and touches files often enough for this test to mean something', () => {
    const { best } = whole as { readonly best: readonly [number, string] };
    expect(best[0]).to.be.below(7);
    expect(operations).to.be.greaterThan(60);
  });

  for (const [first, fault] of FAULTS.entries())
    it(`by any operation on files (${fault}) continues to the same log and weights`, async () => {
      for (let at = first % STRIDE; at < operations; at += STRIDE) {
        const folder = temporary('killed');
        rmSync(folder, { recursive: true, force: true });
        const error = await withFault({ at, fault }, () => start(folder)).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (fault === 'full disk')
          expect(error === undefined || error instanceof OutputError, String(error)).to.equal(true);
        else expect(error, `operation ${at}`).to.not.equal(undefined);
        forgetLock(folder);
        await goOn(folder);
        expect(resultOf(folder), `operation ${at}`).to.deep.equal(whole);
      }
    });

  it('while it is taken up again continues all the same', async () => {
    const folder = temporary('half');
    await withFault({ at: Math.floor(operations * 0.6), fault: 'half-way' }, () => start(folder)).catch(
      () => {},
    );
    forgetLock(folder);
    for (let at = 0; ; at += STRIDE) {
      const again = temporary('again');
      rmSync(again, { recursive: true, force: true });
      cpSync(folder, again, { recursive: true });
      let killed = false;
      await withFault({ at, fault: 'half-way' }, () => goOn(again)).catch(() => {
        killed = true;
      });
      forgetLock(again);
      await goOn(again);
      expect(resultOf(again), `operation ${at}`).to.deep.equal(whole);
      if (!killed) break;
    }
  });

  it('at its end is finished once: taking it up again changes nothing', async () => {
    const folder = temporary('finished');
    await start(folder);
    const log = readFileSync(`${folder}/log.jsonl`);
    await goOn(folder);
    expect(readFileSync(`${folder}/log.jsonl`).equals(log)).to.equal(true);
    expect(resultOf(folder)).to.deep.equal(whole);
  });

  it('loses no more than the line at hand where the log was cut or holds what is no entry', async () => {
    const folder = temporary('torn');
    await start(folder);
    const lines = readFileSync(`${folder}/log.jsonl`, 'utf8');
    writeFileSync(`${folder}/log.jsonl`, `null\n[1]\n${lines}{"step":9,"lo`);
    await goOn(folder);
    expect(resultOf(folder)).to.deep.equal(whole);
  });

  it('with a long log is taken up again', async () => {
    const folder = temporary('long');
    mkdirSync(folder);
    const line = '{"step":1,"loss":1,"validation_loss":3}\n';
    writeFileSync(`${folder}/log.jsonl`, line.repeat(200_000));
    expect(readLog(folder)).to.have.length(200_000);
  });
});

describe('the lock of a run', () => {
  const temporary = temporaryFolder();

  it('is held by one process, and counts no more when that has ended', () => {
    const folder = temporary('run');
    const release = createRun(folder, {});
    expect(() => reopenRun(folder)).to.throw(OutputError, `process ${process.pid} works on this run`);
    release();
    reopenRun(folder)();
    // A number that no process has.
    writeFileSync(`${folder}/lock`, JSON.stringify({ host: '', pid: 2 ** 22 + 1, started: '' }));
    expect(() => reopenRun(folder)).to.throw(OutputError, 'if it has ended, remove');
    rmSync(`${folder}/lock`);
    writeFileSync(`${folder}/lock`, 'no lock');
    reopenRun(folder)();
    expect(existsSync(`${folder}/lock`)).to.equal(false);
  });

  it('of a process with a number that another has by now does not count', () => {
    const folder = temporary('reused');
    const release = createRun(folder, {});
    const own = JSON.parse(readFileSync(`${folder}/lock`, 'utf8')) as object;
    release();
    writeFileSync(`${folder}/lock`, JSON.stringify({ ...own, started: 'another boot:1' }));
    reopenRun(folder)();
  });

  it('leaves a new run to one of two that start at once', () => {
    const folder = temporary('both');
    const release = createRun(folder, {});
    release();
    expect(() => createRun(folder, {})).to.throw(OutputError, 'it holds a run already');
  });
});
