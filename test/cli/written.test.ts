import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { PNG } from 'pngjs';
import { decodeImage, encodePng } from '../../src/data/image.js';
import { splitPictures } from '../../src/data/imageStream.js';
import { pattern } from '../support/pngs.js';
import { arpg } from '../support/cli.js';
import { writeEditableModel } from '../support/editableModel.js';
import { temporaryFolder } from '../support/temporary.js';

const sizeOf = (bytes: Buffer) => {
  const { width, height } = PNG.sync.read(bytes);
  return [width, height];
};

describe('what commands say that they wrote', () => {
  const temporary = temporaryFolder();
  const said = (...args: readonly string[]) => {
    const { code, text, errors } = arpg(args);
    expect([code, text], errors).to.deep.equal([0, '']);
    return errors.replaceAll(`${temporary('')}/`, '');
  };
  const image = { width: 8, height: 8, data: pattern(8, 8, 3) };

  it('is the file, what is in it, and its size', () => {
    const seed = ['--seed', '7'];
    const sample = (name: string, ...args: readonly string[]) =>
      said('sample', ...seed, '-o', temporary(name), ...args);
    expect(sample('a.png', '-c', '3')).to.equal('wrote a.png: 3, seed 7 (8×8)\n');
    expect(sample('a.jpg', '-c', '3', '--scale', '4')).to.equal('wrote a.jpg: 3, seed 7 (32×32)\n');
    expect(sample('a/', '-c', '3')).to.equal('wrote a/00000.png: 3, seed 7 (8×8)\n');
    expect(sample('b/', '-c', '3', '--count', '3')).to.equal('wrote 3 pictures to b/\n');
    expect(sample('g.png', '-c', '3', '-c', '4', '--format', 'grid')).to.equal(
      'wrote g.png: 2 pictures, seed 7 (18×8)\n',
    );
    expect(sample('t.jsonl', '-c', '3')).to.equal('wrote t.jsonl: tokens of 3, seed 7\n');
    expect(sample('n.npz', '-c', '3', '--count', '2')).to.equal('wrote n.npz: 2 pictures, seed 7\n');
    expect(sample('s.gif', '-c', '3', '--frames', temporary('f'))).to.equal(
      'wrote 16 pictures to f\nwrote s.gif: 3, seed 7 (8×8)\n',
    );
    expect(sample('a.png', '-c', '3', '--quiet')).to.equal('');
    expect(arpg(['sample', ...seed, '-c', '3', '-o', '-']).errors).to.equal('');
  });

  it('is said by the others, too', async () => {
    await writeEditableModel(temporary('model'));
    writeFileSync(temporary('p.png'), encodePng(image));
    const to = (name: string) => ['--model', temporary('model'), '--seed', '2', '-o', temporary(name)];
    const edit = ['edit', temporary('p.png'), '--keep', '0.5', '-c', '3'];
    expect(said(...edit, ...to('e.png'))).to.equal('wrote e.png: 3, seed 2 (8×8)\n');
    expect(said('outpaint', temporary('p.png'), '--left', '4', ...to('o.png'))).to.equal(
      'wrote o.png: seed 2 (12×8)\n',
    );
    expect(said('tokenize', temporary('p.png'), '-o', temporary('t.jsonl'))).to.equal(
      'wrote t.jsonl: 1 lines of 1 images\n',
    );
    expect(said('detokenize', temporary('t.jsonl'), '-o', temporary('d.png'))).to.equal(
      'wrote d.png: decoded tokens (16×16)\n',
    );
    expect(said('graph', 'step', '-o', temporary('g.txt'))).to.equal('wrote g.txt\n');
  });

  it('includes the class that was drawn where none was named', () => {
    const drawn = (seed: number) =>
      arpg(['sample', '--seed', String(seed), '-o', temporary('r.png'), '--json']);
    const classes = [1, 2, 3, 4].map((seed) => {
      const { text, errors } = drawn(seed);
      const [index] = JSON.parse(text).class_ids;
      expect(errors)
        .to.include(`class: ${index}, drawn at random\n`)
        .and.include(`r.png: ${index}, seed ${seed}`);
      return index;
    });
    expect(new Set(classes).size).to.be.greaterThan(1);
    const again = drawn(4);
    expect(JSON.parse(again.text).class_ids).to.deep.equal([classes[3]]);
    // Named, it is the same picture.
    const named = arpg(['sample', '-c', String(classes[3]), '--seed', '4']).stdout;
    expect(readFileSync(temporary('r.png')).equals(named)).to.equal(true);
    const emoji = arpg([
      'sample',
      '--model',
      'emoji',
      '--steps',
      '1',
      '--seed',
      '1',
      '-o',
      temporary('m.png'),
      '--json',
    ]);
    const [name] = JSON.parse(emoji.text).class_names;
    expect(name).to.be.a('string');
    expect(emoji.errors).to.include(`class: ${name} (index `);
  });
});

describe('how pictures are arranged and enlarged', () => {
  const temporary = temporaryFolder();

  it('a grid has a row for each of several classes', () => {
    const grid = (...args: readonly string[]) =>
      sizeOf(arpg(['sample', '--seed', '1', '--format', 'grid', '-o', '-', ...args]).stdout);
    expect(grid('-c', '1', '-c', '2', '--count', '3')).to.deep.equal([28, 18]);
    expect(grid('-c', '1', '-c', '2', '-c', '3', '-c', '4')).to.deep.equal([18, 18]);
  });

  it('the rows are in the order of the classes', async () => {
    const flags = ['-c', '5', '-c', '2', '--count', '3', '--seed', '1'];
    arpg(['sample', ...flags, '-o', `${temporary('s')}/`]);
    const { data } = PNG.sync.read(arpg(['sample', ...flags, '--format', 'grid', '-o', '-']).stdout);
    for (const [index, left, top] of [
      [1, 10, 0],
      [3, 0, 10],
      [5, 20, 10],
    ] as const) {
      const own = await decodeImage(readFileSync(temporary(`s/0000${index}.png`)), 'x');
      const from = (top * 28 + left) * 4;
      expect([...data.subarray(from, from + 3)]).to.deep.equal([...own.data.subarray(0, 3)]);
    }
  });

  it('--scale repeats pixels, and is refused where there are none', async () => {
    const small = await decodeImage(arpg(['sample', '-c', '3', '--seed', '1']).stdout, 'x');
    const large = await decodeImage(arpg(['sample', '-c', '3', '--seed', '1', '--scale', '3']).stdout, 'x');
    expect([large.width, large.height]).to.deep.equal([24, 24]);
    for (const [row, column] of [
      [0, 0],
      [4, 7],
      [23, 22],
    ] as const)
      for (const channel of [0, 1, 2])
        expect(large.data[(row * 24 + column) * 3 + channel]).to.equal(
          small.data[(Math.floor(row / 3) * 8 + Math.floor(column / 3)) * 3 + channel],
        );
    for (const [reason, ...flags] of [
      ['npz are data', '--format', 'npz', '--scale', '2'],
      ['tokens are data', '--format', 'tokens', '--scale', '2'],
      ['--scale-filter is for --scale N', '--scale-filter', 'nearest'],
      ['--scale 64 makes', '--scale', '64', '--size', '512x512'],
    ]) {
      const { code, errors } = arpg(['sample', '-c', '3', '-o', '-', ...flags]);
      expect([code, errors.includes(reason!)], errors).to.deep.equal([2, true]);
    }
  });
});

describe('several results of an edit', () => {
  const temporary = temporaryFolder();
  before(() => writeEditableModel(temporary('model')));
  const edited = (command: string, ...args: readonly string[]) =>
    arpg([command, temporary('p.png'), '--model', temporary('model'), '--seed', '1', ...args]);

  it('differ, are numbered as those of sample, and the first is that of the command alone', () => {
    writeFileSync(temporary('p.png'), encodePng({ width: 8, height: 8, data: pattern(8, 8, 3) }));
    for (const [command, ...flags] of [
      ['edit', '--keep', '0.5', '-c', '3'],
      ['outpaint', '--left', '4'],
    ] as const) {
      const run = (...more: readonly string[]) => edited(command, ...flags, ...more);
      const { code, text, errors } = run('--count', '3', '-o', `${temporary(command)}/`, '--json');
      expect(code, errors).to.equal(0);
      expect(errors).to.equal(`wrote 3 pictures to ${temporary(command)}/\n`);
      const files = readdirSync(temporary(command));
      expect(files).to.deep.equal(['00000.png', '00001.png', '00002.png']);
      expect(JSON.parse(text).files).to.deep.equal(files.map((file) => `${temporary(command)}/${file}`));
      expect(JSON.parse(text).pictures).to.have.length(3);
      const pixels = files.map((file) => PNG.sync.read(readFileSync(`${temporary(command)}/${file}`)).data);
      expect(new Set(pixels.map((data) => data.toString('hex'))).size).to.equal(3);
      expect(readFileSync(`${temporary(command)}/00000.png`).equals(run().stdout)).to.equal(true);
    }
    const single = edited('edit', '--keep', '0', '-c', '1', '--count', '2', '-o', temporary('x.png'));
    expect([single.code, single.errors.includes('2 pictures do not fit')]).to.deep.equal([2, true]);
  });

  it('go one after another to stdout, each with its enlargement', () => {
    const flags = ['--keep', '0.5', '-c', '3', '--count', '2', '--scale', '2', '-o', '-'];
    writeFileSync(temporary('p.png'), encodePng({ width: 8, height: 8, data: pattern(8, 8, 3) }));
    const { stdout } = edited('edit', ...flags);
    const sizes = splitPictures(stdout, 'stdout').map(({ bytes }) => sizeOf(Buffer.from(bytes)));
    expect(sizes).to.deep.equal([
      [16, 16],
      [16, 16],
    ]);
  });
});
