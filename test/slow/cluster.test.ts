import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { readCheckpoint } from '../../src/training/runFolder.js';
import { readLog } from '../../src/training/runLog.js';
import { arpg } from '../support/cli.js';
import { describeMpirun, mpirun, ownLines, rankProcess, startMpirun } from '../support/mpirun.js';
import { writeStripes } from '../support/stripes.js';
import { temporaryFolder } from '../support/temporary.js';

const DIGITS = fileURLToPath(new URL('../../../fixtures/models/digits', import.meta.url));
const STEPS = 40;

interface Ended {
  readonly code: number | null;
  readonly errors: string;
}

function ended(process: ChildProcess): Promise<Ended> {
  let errors = '';
  process.stderr!.on('data', (piece: Buffer) => {
    errors += piece.toString();
  });
  return new Promise((resolve) => process.on('close', (code) => resolve({ code, errors })));
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; waited < 60_000; waited += 20) {
    if (condition()) return;
    await sleep(20);
  }
  throw new Error(`waited in vain for ${what}`);
}

describeMpirun('ranks that are stopped or killed', () => {
  const temporary = temporaryFolder();
  const training = (out: string) => [
    ...['train', '--data', temporary('stripes'), '--tokenizer', DIGITS, '--config', temporary('arpg.json')],
    ...['--out', temporary(out), '--steps', String(STEPS), '--batch', '4', '--checkpoint-every', '5'],
    ...['--seed', '3', '--warmup', '1', '--holdout', '0', '--threads', '1', '--target', 'onnx'],
  ];
  const entries = (run: string) => readLog(temporary(run)).map(({ seconds, ...entry }) => entry);
  const state = (run: string) =>
    readFileSync(
      join(temporary(run), 'checkpoints', `step-${String(STEPS).padStart(8, '0')}`, 'state.safetensors'),
    );
  const expectWhole = (run: string) => {
    expect(entries(run)).to.deep.equal(entries('whole'));
    expect(state(run).equals(state('whole'))).to.equal(true);
  };

  before(() => {
    mkdirSync(temporary('.'), { recursive: true });
    writeStripes(temporary('stripes'), 8);
    const config = { dim: 32, n_layer: 2, n_head: 2, multiple_of: 32 };
    writeFileSync(temporary('arpg.json'), JSON.stringify(config));
    expect(mpirun(2, training('whole')).code).to.equal(0);
  });

  for (const rank of [0, 1])
    it(`kill -9 of rank ${rank} ends all with one line, and --resume goes on as if nothing had been`, async () => {
      const run = `killed-${rank}`;
      const launcher = startMpirun(2, training(run));
      const end = ended(launcher);
      await until(
        () => existsSync(temporary(run)) && (readLog(temporary(run)).at(-1)?.step ?? 0) >= 12,
        'the twelfth step',
      );
      process.kill(rankProcess(launcher, rank)!, 'SIGKILL');
      const { code, errors } = await end;
      expect(code).to.not.equal(0);
      expect(ownLines(errors)).to.have.length(1);
      expect(ownLines(errors)[0]).to.match(new RegExp(`^arpg: rank ${rank} \\(process \\d+\\) is gone`));
      const { step } = readCheckpoint(temporary(run))!;
      expect(step % 5).to.equal(0);
      expect(step).to.be.within(10, STEPS - 5);
      expect(
        mpirun(2, ['train', '--resume', temporary(run), '--threads', '1', '--target', 'onnx']).code,
      ).to.equal(0);
      expectWhole(run);
    });

  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`${signal} to one rank saves and ends all`, async () => {
      const run = `stopped-${signal}`;
      const launcher = startMpirun(2, training(run));
      const end = ended(launcher);
      await until(
        () => existsSync(temporary(run)) && (readLog(temporary(run)).at(-1)?.step ?? 0) >= 7,
        'the seventh step',
      );
      process.kill(rankProcess(launcher, 1)!, signal);
      const { code, errors } = await end;
      expect(code).to.be.oneOf([130, 143]);
      expect(errors).to.match(/stopped after step \d+; continue with --resume/);
      const { step } = readCheckpoint(temporary(run))!;
      expect(readLog(temporary(run)).at(-1)!.step).to.equal(step);
      expect(step).to.be.within(7, STEPS - 1);
      expect(
        mpirun(2, ['train', '--resume', temporary(run), '--threads', '1', '--target', 'onnx']).code,
      ).to.equal(0);
      expectWhole(run);
    });

  it('one process goes on with what ranks began, within rounding', () => {
    const first = training('part').map((word) => (word === String(STEPS) ? '6' : word));
    expect(mpirun(2, first).code).to.equal(0);
    const begun = readCheckpoint(temporary('part'))!.step;
    const more = [
      'train',
      '--resume',
      temporary('part'),
      '--steps',
      '9',
      '--threads',
      '1',
      '--target',
      'onnx',
    ];
    expect(arpg(more).code).to.equal(0);
    expect(begun).to.equal(6);
    expect(readCheckpoint(temporary('part'))!.step).to.equal(9);
  });

  it('a tokenizer is trained by ranks as by one process', () => {
    const config = {
      ...{ codebook_size: 32, codebook_embed_dim: 4, ch: 32, ch_mult: [1, 1] },
      ...{ z_channels: 32, num_res_blocks: 1, image_size: 16 },
    };
    writeFileSync(temporary('vq.json'), JSON.stringify(config));
    const tokenizer = (out: string) => [
      ...['train', 'tokenizer', '--data', temporary('stripes'), '--config', temporary('vq.json')],
      ...['--out', temporary(out), '--steps', '5', '--batch', '4', '--seed', '3', '--restart-after', '2'],
      ...['--holdout', '0', '--rate', '0.02', '--threads', '1', '--target', 'onnx', '--quiet'],
    ];
    expect(arpg(tokenizer('vq-alone')).code).to.equal(0);
    expect(mpirun(2, tokenizer('vq-shared')).code).to.equal(0);
    const expected = entries('vq-alone');
    for (const [line, entry] of entries('vq-shared').entries())
      for (const [name, value] of Object.entries(entry))
        expect(value, `${name} of step ${entry.step}`).to.be.closeTo(
          expected[line]![name]!,
          1e-3 * Math.abs(expected[line]![name]!) + 1e-6,
        );
  });
});
