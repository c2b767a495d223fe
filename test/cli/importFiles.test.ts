import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { openCheckpoint } from '../../src/checkpoints/openCheckpoint.js';
import { selectTensors } from '../../src/models/selectTensors.js';
import { readNpz } from '../../src/data/npz.js';
import { InputError } from '../../src/errors.js';
import { arpg, shell } from '../support/cli.js';
import { goldenPath } from '../support/golden.js';
import { temporaryFolder } from '../support/temporary.js';

const HOSTILE = 'fixtures/hostile';

describe('arpg import', () => {
  const temporary = temporaryFolder();
  const config = ['--config', goldenPath('arpg-tiny.json')];

  it('takes what arpg export wrote without a configuration', () => {
    for (const format of ['safetensors', 'pt']) {
      for (const part of ['generator', 'tokenizer']) {
        const path = temporary(`${part}.${format}`);
        expect(arpg(['export', '--format', format, '--part', part, '-o', path]).errors).to.not.include(
          'arpg:',
        );
      }
      const [generator, tokenizer] = ['generator', 'tokenizer'].map((part) => temporary(`${part}.${format}`));
      const output = temporary(`from-${format}`);
      const { code, errors } = arpg(['import', generator!, '--tokenizer', tokenizer!, '-o', output]);
      expect(code, errors).to.equal(0);
      for (const file of [
        'config.json',
        'model.safetensors',
        'tokenizer/config.json',
        'tokenizer/model.safetensors',
      ])
        expect(
          readFileSync(join(output, file)).equals(readFileSync(join('fixtures/models/tiny', file))),
          file,
        ).to.equal(true);
    }
  });

  const bad: Readonly<Record<string, readonly [readonly string[], number, string]>> = {
    'objects in place of tensors': [
      [`${HOSTILE}/confused-namespace.pt`, ...config],
      3,
      "'argparse.Namespace'",
    ],
    'offsets past what a number holds': [[`${HOSTILE}/pt-small-241.pt`, ...config], 3, 'points past its end'],
    'a key that is not there': [
      [goldenPath('arpg-tiny.pt'), ...config, '--key', 'ema'],
      2,
      "'model' (38 tensors)",
    ],
    '--key without a generator': [
      ['--tokenizer', goldenPath('vq-tiny.pt'), '--key', 'ema'],
      2,
      '--tokenizer-key',
    ],
    'the parts the wrong way round': [['--tokenizer', goldenPath('arpg-tiny.pt')], 3, 'do not fit'],
    'a folder': [['fixtures/models/tiny', ...config], 3, 'it is a folder'],
    'a device': [['/dev/zero', ...config], 3, 'a pipe or a device'],
  };
  for (const [name, [args, exitCode, reason]] of Object.entries(bad))
    it(`${name}: one line and nothing left behind`, () => {
      const { code, errors, text } = arpg(['import', ...args, '-o', temporary('none')]);
      expect(errors).to.include(reason);
      expect(errors.trim().split('\n')).to.have.length(1);
      expect([code, text, existsSync(temporary('none'))]).to.deep.equal([exitCode, '', false]);
    });

  it('reads its configuration through a pipe, and refuses one without end', () => {
    const file = goldenPath('arpg-tiny.json');
    const start = `arpg import '${goldenPath('arpg-tiny.pt')}' -o '${temporary('piped')}' --config`;
    expect(shell(`${start} <(cat '${file}')`).errors).to.include('wrote');
    const { code, errors } = shell(`${start} <(yes)`);
    expect([code, errors.includes('too large for a JSON file')]).to.deep.equal([3, true]);
  });

  it('archives that once crashed end in an error of ours or in arrays', async () => {
    const names = readdirSync(HOSTILE);
    expect(names.length).to.be.greaterThan(10);
    for (const name of names) {
      const path = join(HOSTILE, name);
      try {
        if (name.endsWith('.npz')) await readNpz(path);
        else selectTensors(await openCheckpoint(path), ['a'], path);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        expect(error.message, name).to.include(path);
      }
    }
    const flipped: unknown = await readNpz(`${HOSTILE}/crc-flip.npz`).catch((error: unknown) => error);
    expect(flipped).to.be.instanceOf(InputError).with.property('message').that.includes('checksum');
  });

  it('a configuration that names a size twice is refused', () => {
    writeFileSync(temporary('x.json'), '{"dim": 64, "dim": 32, "n_layer": 4, "n_head": 2}');
    const { code, errors } = arpg([
      'import',
      goldenPath('arpg-tiny.pt'),
      '--config',
      temporary('x.json'),
      '-o',
      temporary('none'),
    ]);
    expect([code, errors.includes("the field 'dim' is there twice")]).to.deep.equal([3, true]);
  });
});
