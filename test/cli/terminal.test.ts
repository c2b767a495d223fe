import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { oneLine, terminalText } from '../../src/cli/terminal.js';
import { load, writeModelFolder } from '../../src/index.js';
import { arpg, ARPG_SHELL } from '../support/cli.js';
import { writeEditableModel } from '../support/editableModel.js';
import { temporaryFolder } from '../support/temporary.js';

// biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal acts on
const ACTIVE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const HOSTILE = 'zeb\u001b[31m\u0007\u009b2J\u202era';

describe('what reaches the terminal', () => {
  const temporary = temporaryFolder();
  before(async () => {
    await writeEditableModel(temporary('plain'));
    const { generator, tokenizerModel, dispose } = await load(temporary('plain'), { target: 'reference' });
    const labels = Array.from({ length: 10 }, (_, index) => (index === 0 ? HOSTILE : `class\n${index}`));
    await writeModelFolder(temporary('hostile'), {
      generator: { ...generator, labels, license: HOSTILE },
      tokenizer: tokenizerModel,
    });
    await dispose();
    mkdirSync(temporary(`folder ${HOSTILE}`));
    writeFileSync(temporary(`folder ${HOSTILE}/config.json`), `{"${HOSTILE.replace('\u0007', '')}`);
  });

  it('errors quote names of classes, files and flags with escapes, on one line', () => {
    const failing: readonly (readonly string[])[] = [
      ['sample', '--model', temporary('hostile'), '--class', 'zeb[31m2Jra', '--seed', '1'],
      ['sample', '--model', temporary(`folder ${HOSTILE}`), '--class', '1', '--seed', '1'],
      ['sample', '--class', `${HOSTILE}\nfoo`, '--seed', '1'],
      ['tokenize', temporary(`${HOSTILE}\n.png`)],
      ['pull', `${HOSTILE}\n`],
      [HOSTILE],
      ['sample', `--${HOSTILE}`],
      ['sample', '--steps', HOSTILE],
    ];
    for (const args of failing) {
      const { code, errors } = arpg(args);
      expect(code, errors).to.be.within(2, 3);
      expect(errors.trimEnd().split('\n'), errors).to.have.length(1);
      expect(errors).to.not.match(ACTIVE);
      expect(errors).to.include('\\u001b');
    }
    expect(arpg([...failing[1]!, '--debug']).errors).to.not.match(ACTIVE);
  }).timeout(120_000);

  it('notes and details quote paths with escapes', () => {
    const output = temporary(`${HOSTILE}.pt`);
    const { errors, code } = arpg([
      'export',
      '--format',
      'pt',
      '--model',
      temporary('hostile'),
      '-o',
      output,
    ]);
    expect([code, errors.trimEnd().split('\n').length]).to.deep.equal([0, 1]);
    expect(errors).to.include('\\u001b[31m').and.not.match(ACTIVE);
  });

  it('JSON on stdout has no such characters, and its value is the same', () => {
    const output = temporary(`${HOSTILE}.safetensors`);
    const { text } = arpg(['export', '--format', 'safetensors', '--json', '--quiet', '-o', output]);
    expect(text).to.not.match(ACTIVE);
    expect(JSON.parse(text).files).to.deep.equal([output]);
  });

  it('a terminal on stdout gets escapes where a pipe gets the bytes', function () {
    const command = `${ARPG_SHELL} graph decoder --format json --model digits`;
    const { status, stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8' });
    if (status === null) this.skip();
    expect(() => JSON.parse(stdout)).to.not.throw();
    expect(terminalText(`{"a":"${HOSTILE}"}\n`)).to.not.match(ACTIVE);
    expect(JSON.parse(terminalText(`{"a":"${HOSTILE}"}\n`)).a).to.equal(HOSTILE);
  });

  it('messages are bounded, and making them is quick', () => {
    for (const text of ['x'.repeat(2e8), ' '.repeat(1e8), '\n'.repeat(1e7), '\u001b'.repeat(1e8)]) {
      const started = performance.now();
      expect(oneLine(text).length).to.be.below(15_000);
      expect(performance.now() - started).to.be.below(1000);
    }
    expect(oneLine(' one \n\n  two\n')).to.equal('one; two');
  });
});
