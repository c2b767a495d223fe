import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { readLog } from '../../src/training/runLog.js';
import { arpg } from '../support/cli.js';
import { describeMpirun, mpirun, ownLines } from '../support/mpirun.js';
import { writeStripes } from '../support/stripes.js';
import { temporaryFolder } from '../support/temporary.js';

const DIGITS = fileURLToPath(new URL('../../../fixtures/models/digits', import.meta.url));
const TINY = fileURLToPath(new URL('../../../fixtures/models/tiny', import.meta.url));

describeMpirun('ranks that mpirun starts', () => {
  const temporary = temporaryFolder();

  before(() => {
    mkdirSync(temporary('.'), { recursive: true });
    writeStripes(temporary('stripes'), 8);
    const config = { dim: 32, n_layer: 2, n_head: 2, multiple_of: 32 };
    writeFileSync(temporary('arpg.json'), JSON.stringify(config));
  });

  const training = (out: string, ...more: readonly string[]) => [
    ...['train', '--data', temporary('stripes'), '--tokenizer', DIGITS, '--config', temporary('arpg.json')],
    ...['--out', temporary(out), '--steps', '4', '--batch', '4', '--checkpoint-every', '2', '--seed', '3'],
    ...['--warmup', '1', '--holdout', '0.2', '--threads', '1', '--target', 'onnx', ...more],
  ];
  const state = (run: string, step: number) =>
    readFileSync(
      join(temporary(run), 'checkpoints', `step-${String(step).padStart(8, '0')}`, 'state.safetensors'),
    );
  const entries = (run: string) => readLog(temporary(run)).map(({ seconds, ...entry }) => entry);

  it('train one run: the numbers of one process within rounding, and the same bits each time', () => {
    const alone = arpg(training('alone', '--quiet'));
    expect(alone.errors).to.equal('');
    const first = mpirun(2, training('first', '--json'));
    expect(first.errors).to.include('2 ranks train together, joined by Open MPI');
    expect(first.code).to.equal(0);
    expect(JSON.parse(first.text)).to.deep.include({ run: temporary('first'), step: 4 });
    expect(mpirun(2, training('second', '--quiet')).code).to.equal(0);
    expect(entries('second')).to.deep.equal(entries('first'));
    expect(state('second', 4).equals(state('first', 4))).to.equal(true);
    const expected = entries('alone');
    expect(entries('first')).to.have.length(expected.length);
    for (const [line, entry] of entries('first').entries())
      for (const [name, value] of Object.entries(entry))
        expect(value, `${name} of step ${entry.step}`).to.be.closeTo(expected[line]![name]!, 1e-4);
    expect(readdirSync(join(temporary('first'), 'model'))).to.deep.equal(
      readdirSync(join(temporary('alone'), 'model')),
    );
    expect(existsSync(join(temporary('first'), 'lock'))).to.equal(false);
  });

  it('fail with one line of one rank', () => {
    const uneven = mpirun(3, training('uneven'));
    expect(uneven.code).to.equal(2);
    expect(ownLines(uneven.errors)).to.deep.equal([
      "arpg: --batch 4 does not divide into 3 ranks' shares; it counts the images of all ranks together",
    ]);
    expect(existsSync(temporary('uneven'))).to.equal(false);
    const wrong = mpirun(2, ['train', '--nonsense']);
    expect(wrong.code).to.equal(2);
    expect(ownLines(wrong.errors)).to.have.length(1);
  });

  it('draw the pictures that one process draws, each a part', () => {
    const sampling = (out: string) => [
      ...['sample', '--model', TINY, '--class', '1', '--count', '5', '--seed', '7', '--steps', '2'],
      ...['--threads', '1', '-o', `${temporary(out)}/`],
    ];
    expect(arpg(sampling('pictures')).code).to.equal(0);
    const shared = mpirun(2, sampling('shared'));
    expect(shared.code).to.equal(0);
    expect(shared.errors).to.include('part 2 of 2, by mpirun');
    const names = readdirSync(temporary('pictures')).sort();
    expect(readdirSync(temporary('shared')).sort()).to.deep.equal(names);
    for (const name of names)
      expect(
        readFileSync(temporary(`shared/${name}`)).equals(readFileSync(temporary(`pictures/${name}`))),
      ).to.equal(true);
  });

  it('tokenize into a file for each part, which make the whole one after another', () => {
    const tokenizing = (out: string) => [
      ...['tokenize', temporary('stripes'), '--model', DIGITS, '--threads', '1', '-o', temporary(out)],
    ];
    expect(arpg(tokenizing('whole.jsonl')).code).to.equal(0);
    expect(mpirun(2, tokenizing('tokens.jsonl')).code).to.equal(0);
    const parts = [1, 2].map((part) => readFileSync(temporary(`tokens-${part}-of-2.jsonl`), 'utf8'));
    expect(parts.join('')).to.equal(readFileSync(temporary('whole.jsonl'), 'utf8'));
    const mixed = mpirun(2, ['tokenize', temporary('stripes'), '--model', DIGITS]);
    expect(mixed.code).to.equal(2);
    expect(mixed.text).to.equal('');
    expect(mixed.errors).to.include('2 processes would write to one stdout');
  });

  it('evaluate parts of a set, and the first says what one process says', () => {
    const evaluating = ['eval', temporary('stripes'), '--metrics', 'is', '--threads', '1', '--json'];
    const alone = JSON.parse(arpg(evaluating).text) as { metrics: { is: number }; pictures: number };
    const shared = mpirun(2, evaluating);
    expect(shared.code).to.equal(0);
    const result = JSON.parse(shared.text) as typeof alone;
    expect(result.pictures).to.equal(alone.pictures);
    expect(result.metrics.is).to.be.closeTo(alone.metrics.is, 1e-6);
  });

  it('a doctor says what is found', () => {
    expect(arpg(['doctor', '--json']).text).to.include('"version":"Open MPI');
  });
});
