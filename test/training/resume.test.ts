import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { encodePng } from '../../src/data/image.js';
import { readLog } from '../../src/training/runLog.js';
import { arpg, ARPG_SHELL, shell } from '../support/cli.js';
import { pattern } from '../support/pngs.js';
import { temporaryFolder } from '../support/temporary.js';

const tokenizer = fileURLToPath(new URL('../../../fixtures/models/tiny', import.meta.url));

describe('arpg train --resume', function () {
  this.timeout(240_000);
  const temporary = temporaryFolder();
  const fast = ['--target', 'onnx', '--threads', '1'];
  const start = (name: string, flags: Readonly<Record<string, string>> = {}) => {
    const all = {
      ...{ data: temporary('data.jsonl'), tokenizer: temporary('tokenizer'), config: temporary('arpg.json') },
      ...{ out: temporary(name), seed: '1', batch: '4', steps: '6', 'checkpoint-every': '3', holdout: '0.3' },
      ...flags,
    };
    return arpg(['train', ...Object.entries(all).flatMap(([flag, value]) => [`--${flag}`, value]), ...fast]);
  };
  const resume = (name: string, ...flags: readonly string[]) =>
    arpg(['train', '--resume', temporary(name), ...fast, ...flags]);
  const losses = (name: string) =>
    readLog(temporary(name)).map(({ step, loss, validation_loss: held }) => [step, loss, held]);
  const weights = (name: string) => readFileSync(temporary(`${name}/model/model.safetensors`));

  before(() => {
    const lines = Array.from({ length: 20 }, (_, image) => ({
      tokens: Array.from({ length: 16 }, (_, place) => (image * 7 + place * 3) % 32),
      grid: [4, 4],
      class_id: image % 2,
      source: `${image}.png`,
    }));
    writeFileSync(temporary('data.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    writeFileSync(
      temporary('arpg.json'),
      JSON.stringify({ dim: 16, n_layer: 2, n_head: 2, multiple_of: 16 }),
    );
    cpSync(tokenizer, temporary('tokenizer'), { recursive: true });
  });

  it('goes on from any working directory, whatever paths the run was started with', () => {
    const here = relative(process.cwd(), temporary('data.jsonl'));
    const started = shell(
      `cd '${temporary('.')}' && ${ARPG_SHELL} train --data data.jsonl --tokenizer tokenizer --config arpg.json --out relative --seed 1 --batch 4 --steps 6 --checkpoint-every 3 --quiet --target onnx`,
    );
    expect([started.code, started.errors, here !== 'data.jsonl']).to.deep.equal([0, '', true]);
    const resumed = resume('relative', '--steps', '8', '--quiet');
    expect([resumed.code, resumed.errors]).to.deep.equal([0, '']);
    expect(losses('relative').at(-1)![0]).to.equal(8);
  });

  it('takes up a finished run without doubling anything, and says that it is finished', () => {
    expect(start('finished').code).to.equal(0);
    const before = losses('finished');
    const model = weights('finished');
    const again = resume('finished');
    expect(again.code).to.equal(0);
    expect(again.errors).to.include('is finished');
    expect(losses('finished')).to.deep.equal(before);
    expect(weights('finished').equals(model)).to.equal(true);
  });

  it('extends a run: it is the same whether it was finished, stopped or killed between', () => {
    expect(start('long', { warmup: '1' }).code).to.equal(0);
    const longer = resume('long', '--steps', '10');
    expect(longer.code).to.equal(0);
    expect(longer.errors).to.include('goes on to step 10');
    const rates = readLog(temporary('long')).flatMap(({ learning_rate: rate }) => rate ?? []);
    expect(rates).to.have.length(10);
    for (const rate of rates.slice(6)) expect(rate).to.be.closeTo(1e-4, 1e-12);
    expect(start('again', { warmup: '1' }).code).to.equal(0);
    expect(resume('again', '--steps', '8').code).to.equal(0);
    expect(resume('again', '--steps', '10').code).to.equal(0);
    const steps = (name: string) => losses(name).filter(([, loss]) => loss !== undefined);
    expect(steps('again')).to.deep.equal(steps('long'));
  });

  it('refuses flags that would make it another run, and takes those that repeat it', () => {
    expect(start('strict').code).to.equal(0);
    for (const [flag, value] of [
      ['--lr', '0.1'],
      ['--batch', '8'],
      ['--ema', '0.9'],
      ['--seed', '2'],
      ['--steps', '3'],
      ['--config', 'medium'],
      ['--dropout', '0.3'],
    ] as const) {
      const { code, errors } = resume('strict', flag, value);
      expect([code, errors.includes(flag)], errors).to.deep.equal([2, true]);
    }
    expect(resume('strict', '--lr', '0.001', '--batch', '4', '--steps', '6').code).to.equal(0);
  });

  it('says where a path came from when it is gone, and takes the same data from elsewhere', () => {
    expect(start('moved').code).to.equal(0);
    cpSync(temporary('data.jsonl'), temporary('elsewhere.jsonl'));
    const bytes = readFileSync(temporary('data.jsonl'));
    rmSync(temporary('data.jsonl'));
    try {
      const gone = resume('moved', '--steps', '7');
      expect(gone.code).to.equal(3);
      expect(gone.errors).to.include('run.json names it as the run').and.include('--data');
      expect(resume('moved', '--steps', '7', '--data', temporary('elsewhere.jsonl')).code).to.equal(0);
      writeFileSync(temporary('other.jsonl'), bytes.toString().replace('"class_id":1', '"class_id":0'));
      const other = resume('moved', '--steps', '8', '--data', temporary('other.jsonl'));
      expect([other.code, other.errors.includes('is not what the run')], other.errors).to.deep.equal([
        3,
        true,
      ]);
      expect(resume('moved', '--steps', '8').code).to.equal(0);
    } finally {
      writeFileSync(temporary('data.jsonl'), bytes);
    }
  });

  it('needs no images once they are tokens', () => {
    for (const label of ['a', 'b']) {
      mkdirSync(temporary(`pictures/${label}`), { recursive: true });
      for (let index = 0; index < 6; index++)
        writeFileSync(
          temporary(`pictures/${label}/${index}.png`),
          encodePng({ width: 16, height: 16, data: pattern(16, 16, 3).map((value) => value ^ index) }),
        );
    }
    expect(start('images', { data: temporary('pictures') }).code).to.equal(0);
    rmSync(temporary('pictures'), { recursive: true });
    const { code, errors } = resume('images', '--steps', '7');
    expect([code, errors.includes('step 7')], errors).to.deep.equal([0, true]);
  });

  it('leaves a run to the process that works on it', async () => {
    const child = spawn('bash', [
      '-c',
      `exec ${ARPG_SHELL} train --data '${temporary('data.jsonl')}' --tokenizer '${temporary('tokenizer')}' --config '${temporary('arpg.json')}' --out '${temporary('busy')}' --seed 1 --batch 4 --steps 100000 --target onnx --threads 1 --quiet`,
    ]);
    while (readLog(temporary('busy')).length === 0 && child.exitCode === null) await sleep(20);
    const second = resume('busy');
    const third = start('busy');
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    expect([second.code, second.errors.includes(`process ${child.pid} works on this run`)]).to.deep.equal([
      5,
      true,
    ]);
    expect(third.code).to.equal(5);
    const steps = losses('busy').map(([step]) => step);
    expect(steps).to.deep.equal([...new Set(steps)].length === steps.length ? steps : []);
    const resumed = spawn('bash', ['-c', `exec ${ARPG_SHELL} train --resume '${temporary('busy')}' --quiet`]);
    const before = readLog(temporary('busy')).length;
    await sleep(4000);
    resumed.kill('SIGINT');
    const code = await new Promise((resolve) => resumed.once('exit', resolve));
    expect(code).to.equal(130);
    expect(readLog(temporary('busy')).length).to.be.greaterThan(Math.min(before, 1));
  });
});
