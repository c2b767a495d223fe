import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { PNG } from 'pngjs';
import { openNpz } from '../../src/data/npzFile.js';
import { arpg } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const SAMPLE = ['sample', '--class', '3', '--class', '8', '--count', '2', '--seed', '5', '--steps', '3'];
const PARTS = ['1/3', '2/3', '3/3'];

describe('--shard', () => {
  const temporary = temporaryFolder();
  const run = (...args: readonly string[]) => {
    const result = arpg(args);
    expect(result.code, result.errors).to.equal(0);
    return result;
  };

  it('draws the pictures of the whole, each in one part', () => {
    run(...SAMPLE, '-o', temporary('whole/'));
    const names = PARTS.map((shard) => {
      const folder = temporary(`part-${shard[0]}/`);
      const { errors } = run(...SAMPLE, '--shard', shard, '-o', folder);
      expect(errors).to.match(/part \d of 3: [12] of 4 pictures/);
      return readdirSync(folder);
    });
    expect(names.flat()).to.deep.equal(readdirSync(temporary('whole/')));
    for (const [part, own] of names.entries())
      for (const name of own) {
        const drawn = readFileSync(temporary(`part-${part + 1}/${name}`));
        expect(drawn.equals(readFileSync(temporary(`whole/${name}`))), name).to.equal(true);
      }
  });

  it('goes on with --resume where a part stopped, and leaves the other parts alone', () => {
    const folder = temporary('again/');
    run(...SAMPLE, '--shard', '1/2', '-o', folder);
    const { errors } = run(...SAMPLE, '--shard', '1/2', '--resume', '-o', folder);
    expect(errors).to.include('2 of 2 pictures are there already');
    expect(readdirSync(folder)).to.have.length(2);
  });

  it('gives tokens and archives of the whole, one after another', async () => {
    const all = run(...SAMPLE, '--format', 'tokens').text;
    const parts = ['1/2', '2/2'].map((shard) => run(...SAMPLE, '--format', 'tokens', '--shard', shard).text);
    expect(parts.join('')).to.equal(all);
    run(...SAMPLE, '--shard', '2/2', '-o', temporary('second.npz'));
    const pictures = (await openNpz(temporary('second.npz'))).pictures('arr_0');
    expect(pictures.count).to.equal(2);
    const whole = PNG.sync.read(readFileSync(temporary('whole/00003.png')));
    const pixels = [...(await pictures.read(1)).data];
    expect(pixels).to.deep.equal([...whole.data].filter((_, at) => at % 4 < 3));
  });

  it('of more parts than pictures writes nothing where there is none', () => {
    const { errors } = run(...SAMPLE, '--shard', '1/5', '-o', temporary('none.npz'));
    expect(errors).to.include('part 1 of 5: 0 of 4 pictures');
    expect(readdirSync(temporary('.'))).not.to.include('none.npz');
  });

  it('tokenizes folders and files in parts, whose lines together are those of the whole', () => {
    const inputs = [temporary('whole/'), temporary('whole/00000.png'), temporary('whole/00003.png')];
    const all = run('tokenize', ...inputs).text;
    const parts = ['1/2', '2/2'].map((shard) => run('tokenize', ...inputs, '--shard', shard).text);
    expect(parts.join('')).to.equal(all);
    expect(parts.map((text) => text.trimEnd().split('\n').length)).to.deep.equal([3, 3]);
  });

  it('tokenizes a part without images to a file without lines', () => {
    run('tokenize', temporary('whole/00000.png'), '--shard', '1/2', '-o', temporary('empty.jsonl'));
    expect(readFileSync(temporary('empty.jsonl'), 'utf8')).to.equal('');
  });

  for (const [args, expected] of [
    [[...SAMPLE, '--shard', '0/3'], '--shard 0/3 is no part: 2/8 is the second of eight'],
    [[...SAMPLE, '--shard', '2'], '--shard 2 is no part'],
    [['sample', '--class', '3', '--shard', '1/2', '-o', 'x/'], '--seed'],
    [[...SAMPLE, '--shard', '1/2', '--format', 'grid', '-o', 'x.png'], 'grid shows all together'],
    [[...SAMPLE, '--shard', '1/2', '--frames', 'f', '-o', 'x/'], '--frames shows all together'],
    [['tokenize', '-', '--shard', '1/2'], 'not stdin'],
    [['tokenize', 'fixtures/digits', '--shard', '3/2'], '--shard 3/2 is no part'],
  ] as const)
    it(`${args.slice(args[0] === 'sample' ? 9 : 0).join(' ')} is refused`, () => {
      const { code, errors } = arpg([...args]);
      expect([code, errors.includes(expected)], errors).to.deep.equal([2, true]);
    });
});
