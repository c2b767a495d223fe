import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { readLog } from '../../src/training/runLog.js';
import { Random } from '../fuzz/random.js';
import { arpg } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const tokenizer = fileURLToPath(new URL('../../../fixtures/models/tiny', import.meta.url));
const KILLS = 30;

describe('a training run that is killed again and again', function () {
  this.timeout(1_200_000);
  const temporary = temporaryFolder();

  it(`${KILLS} times at random has the log and the model of one that was not`, async () => {
    const lines = Array.from({ length: 40 }, (_, image) => ({
      tokens: Array.from({ length: 16 }, (_, place) => (image * 7 + place * 3) % 32),
      grid: [4, 4],
      class_id: image % 2,
    }));
    writeFileSync(temporary('data.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    writeFileSync(
      temporary('arpg.json'),
      JSON.stringify({ dim: 16, n_layer: 2, n_head: 2, multiple_of: 16 }),
    );
    const flags = [
      ...['--data', temporary('data.jsonl'), '--tokenizer', tokenizer, '--config', temporary('arpg.json')],
      ...['--steps', '1500', '--batch', '8', '--seed', '3', '--checkpoint-every', '10', '--holdout', '0.2'],
      ...['--ema', '0.99', '--accumulate', '2', '--dropout', '0.1'],
    ];
    const more = ['--target', 'onnx', '--threads', '1', '--quiet'];
    expect(arpg(['train', ...flags, '--out', temporary('whole'), ...more]).errors).to.equal('');
    const random = new Random(5);
    const killed = temporary('killed');
    let kills = 0;
    for (let finished = false; !finished; ) {
      const isThere = existsSync(`${killed}/run.json`);
      const args = isThere ? ['train', '--resume', killed] : ['train', ...flags, '--out', killed];
      const child = spawn(process.execPath, [program, ...args, ...more], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let errors = '';
      child.stderr.on('data', (chunk: Buffer) => {
        errors += chunk.toString();
      });
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
      if (kills < KILLS) {
        const code = await Promise.race([ended, sleep(400 + random.below(1600)).then(() => 'late')]);
        finished = code === 0;
        if (code === 'late') {
          child.kill('SIGKILL');
          await ended;
          kills++;
        } else expect(errors).to.equal('');
      } else {
        expect([await ended, errors]).to.deep.equal([0, '']);
        finished = true;
      }
    }
    expect(kills).to.be.greaterThan(KILLS / 2);
    const numbers = (name: string) => readLog(temporary(name)).map(({ seconds, ...entry }) => entry);
    expect(numbers('killed')).to.deep.equal(numbers('whole'));
    for (const file of ['model/model.safetensors', 'model/config.json', 'latest'])
      expect(
        readFileSync(`${killed}/${file}`).equals(readFileSync(temporary(`whole/${file}`))),
        file,
      ).to.equal(true);
    rmSync(killed, { recursive: true });
  });
});
