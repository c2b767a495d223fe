import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { PNG } from 'pngjs';
import sharp from 'sharp';
import { encodePng } from '../../src/data/image.js';
import { splitPictures } from '../../src/data/imageStream.js';
import { arpg as runArpg, type CliResult, remarks, shell as runShell } from '../support/cli.js';
import { writeEditableModel } from '../support/editableModel.js';
import { pattern, rectangleMaskPng, samplePngs } from '../support/pngs.js';
import { temporaryFolder } from '../support/temporary.js';

/** Pixels of two pictures that differ, as [column, row]. */
function differences(a: PNG, b: PNG): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (let pixel = 0; pixel < a.width * a.height; pixel++)
    if (!a.data.subarray(pixel * 4, pixel * 4 + 4).equals(b.data.subarray(pixel * 4, pixel * 4 + 4)))
      found.push([pixel % a.width, Math.floor(pixel / a.width)]);
  return found;
}

const read = (path: string) => PNG.sync.read(readFileSync(path));
const models = mkdtempSync(join(tmpdir(), 'arpg-test-'));
const MODEL = join(models, 'editable');
before(() => writeEditableModel(MODEL));
after(() => rmSync(models, { recursive: true }));

const arpg = (args: readonly string[], options: { readonly stdin?: string | Buffer } = {}): CliResult =>
  runArpg(args, { ...options, env: { ARPG_MODEL: MODEL } });
const shell = (script: string): CliResult => runShell(`export ARPG_MODEL='${MODEL}'; ${script}`);

/** The model draws 8×8 pixels, 2×2 a token. */
const SIDE = 8;
const TARGET = ['--target', 'onnx', '--threads', '2'];

describe('arpg inpaint', () => {
  const temporary = temporaryFolder();
  const write = (name: string, bytes: Uint8Array) => {
    writeFileSync(temporary(name), bytes);
    return temporary(name);
  };

  for (const [width, height] of [
    [8, 8],
    [5, 3],
    [23, 17],
  ] as const)
    it(`every kind of PNG of ${width}×${height} pixels keeps its unmasked pixels bit for bit`, async () => {
      const box = [1, 1, Math.min(width, 12), Math.min(height, 11)] as const;
      const mask = write('mask.png', rectangleMaskPng(width, height, ...box));
      const kinds = [...(await samplePngs(width, height))];
      const output = temporary(`kinds-${width}/`);
      const flags = ['--mask', mask, '--class', '3', '--seed', '1', '-o', output, ...TARGET];
      const stdin = Buffer.concat(kinds.map(([, bytes]) => bytes));
      expect(arpg(['inpaint', '-', ...flags], { stdin }).errors).to.match(/^wrote 6 pictures to .*\n$/);
      const files = readdirSync(output).sort();
      expect(files).to.have.length(kinds.length);
      for (const [index, [kind, bytes]] of kinds.entries()) {
        const image = write('image.png', bytes);
        const changed = differences(read(image), read(`${output}${files[index]}`));
        expect(changed.length, kind).to.be.greaterThan(0);
        for (const [column, row] of changed)
          expect(
            column >= box[0] && column < box[2] && row >= box[1] && row < box[3],
            `${kind} ${column},${row}`,
          ).to.equal(true);
      }
    }).timeout(120_000);

  it('an empty mask gives the same pixels and says so', () => {
    const image = write('image.png', encodePng({ width: 9, height: 7, data: pattern(9, 7, 3) }));
    const mask = write('mask.png', rectangleMaskPng(9, 7, 0, 0, 0, 0));
    const { errors, code } = arpg([
      'inpaint',
      image,
      '--mask',
      mask,
      '--seed',
      '1',
      '-o',
      temporary('out.png'),
    ]);
    expect([code, errors.includes('nothing is masked')]).to.deep.equal([0, true]);
    expect(differences(read(image), read(temporary('out.png')))).to.deep.equal([]);
  });

  it('a full mask draws with other random numbers than sampling has under the same seed', () => {
    const image = write('image.png', encodePng({ width: SIDE, height: SIDE, data: pattern(SIDE, SIDE, 3) }));
    const mask = write('mask.png', rectangleMaskPng(SIDE, SIDE, 0, 0, SIDE, SIDE));
    const flags = ['--class', '5', '--seed', '9', '--steps', '6', ...TARGET];
    arpg(['inpaint', image, '--mask', mask, ...flags, '-o', temporary('inpainted.png')]);
    arpg(['sample', ...flags, '-o', temporary('sampled.png')]);
    const different = differences(read(temporary('inpainted.png')), read(temporary('sampled.png')));
    expect(different.length).to.be.greaterThan((SIDE * SIDE) / 2);
    arpg(['inpaint', image, '--mask', mask, ...flags, '-o', temporary('again.png')]);
    expect(differences(read(temporary('inpainted.png')), read(temporary('again.png')))).to.deep.equal([]);
  });

  it('the result is the same on every target', () => {
    const image = write('image.png', encodePng({ width: 12, height: 10, data: pattern(12, 10, 3) }));
    const mask = write('mask.png', rectangleMaskPng(12, 10, 2, 3, 9, 8));
    const run = (target: string) =>
      arpg(['inpaint', image, '--mask', mask, '--class', '1', '--seed', '4', '--target', target, '-o', '-'])
        .stdout;
    const expected = PNG.sync.read(run('onnx'));
    for (const target of ['reference', 'gpujs:cpu', 'gpujs:webasm'])
      for (const [index, value] of PNG.sync.read(run(target)).data.entries())
        expect(Math.abs(value - expected.data[index]!)).to.be.at.most(1);
  }).timeout(120_000);

  it('transparency is a mask, masks invert and feather, and windows can be shown whole', () => {
    const data = pattern(SIDE, SIDE, 4).map((value, index) =>
      index % 4 === 3 ? (index < 64 ? 0 : 255) : value,
    );
    const png = new PNG({ width: SIDE, height: SIDE });
    png.data = Buffer.from(data);
    const image = write('transparent.png', PNG.sync.write(png));
    const run = (...flags: readonly string[]) => {
      const { errors } = arpg([
        'inpaint',
        image,
        '--seed',
        '1',
        '-o',
        temporary('out.png'),
        ...TARGET,
        ...flags,
      ]);
      expect(remarks(errors)).to.equal('');
      return differences(read(image), read(temporary('out.png')));
    };
    const byAlpha = run();
    expect(new Set(byAlpha.map(([, row]) => row))).to.deep.equal(new Set([0, 1]));
    expect(new Set(run('--invert-mask').map(([, row]) => row))).to.not.include(0);
    expect(run('--no-composite').length).to.be.greaterThan(byAlpha.length);
    const plain = write(
      'plain.png',
      encodePng({ width: SIDE, height: SIDE, data: new Uint8Array(SIDE * SIDE * 3) }),
    );
    const mask = write('half.png', rectangleMaskPng(SIDE, SIDE, 0, 0, SIDE, 4));
    const drawn = (feather: string) => {
      arpg([
        'inpaint',
        plain,
        '--mask',
        mask,
        '--feather',
        feather,
        '--seed',
        '1',
        '-o',
        temporary('out.png'),
        ...TARGET,
      ]);
      const { data: pixels } = read(temporary('out.png'));
      return [0, 3, 4].map(
        (row) => pixels.subarray(row * 32, row * 32 + 32).reduce((sum, value) => sum + value, 0) - 8 * 255,
      );
    };
    const [sharpEdge, soft] = [drawn('0'), drawn('2')];
    expect(soft[0]).to.equal(sharpEdge[0]);
    expect(soft[1]!).to.be.below(sharpEdge[1]!);
    expect([sharpEdge[2], soft[2]]).to.deep.equal([0, 0]);
  });

  it('names what is wrong with masks and pictures', () => {
    const image = write('image.png', encodePng({ width: 9, height: 7, data: pattern(9, 7, 3) }));
    const mask = write('other.png', rectangleMaskPng(7, 9, 0, 0, 1, 1));
    const other = arpg(['inpaint', image, '--mask', mask, '-o', temporary('none.png')]);
    expect(other.code).to.equal(3);
    expect(other.errors).to.include('other.png: the mask has 7×9 pixels').and.include('has 9×7');
    expect(arpg(['inpaint', image, '-o', temporary('none.png')]).errors).to.include('--mask is needed');
    expect(arpg(['inpaint', temporary('missing.png'), '-o', temporary('none.png')]).code).to.equal(3);
    const mismatched = runArpg(['inpaint', image, '--mask', image, '-o', temporary('none.png')]);
    expect(mismatched.errors).to.include('they do not belong together');
    const text = write('text.png', Buffer.from('no picture'));
    expect(arpg(['inpaint', image, '--mask', text, '-o', temporary('none.png')]).errors).to.include(
      'text.png',
    );
    expect(existsSync(temporary('none.png'))).to.equal(false);
  });

  it('says how a mask was read where that is a choice, and refuses what means two things', () => {
    const image = write('image.png', encodePng({ width: SIDE, height: SIDE, data: pattern(SIDE, SIDE, 3) }));
    const rgba = (pixel: (place: number) => readonly [number, number, number, number]) => {
      const png = new PNG({ width: SIDE, height: SIDE });
      png.data = Buffer.from(Array.from({ length: SIDE * SIDE }, (_, place) => pixel(place)).flat());
      return PNG.sync.write(png);
    };
    const run = (mask: Uint8Array, ...flags: readonly string[]) =>
      arpg([
        ...['inpaint', image, '--mask', write('mask.png', mask), '--seed', '1', '--json'],
        ...['-o', temporary('read.png'), ...TARGET, ...flags],
      ]);
    const tokens = ({ text }: CliResult) => JSON.parse(text).pictures[0].windows[0]?.drawn_tokens;
    // The first row of tokens is drawn in all of them.
    const isDrawn = (place: number) => place < 2 * SIDE;
    const almost = run(
      rgba((place) => [...(isDrawn(place) ? [255, 255, 255] : [0, 0, 0]), place === 40 ? 254 : 255] as never),
    );
    expect([almost.code, tokens(almost)]).to.deep.equal([0, 4]);
    expect(almost.errors).to.include('mask.png: the mask is read by its colours');
    const strokes = run(rgba((place) => (isDrawn(place) ? [255, 255, 255, 255] : [0, 0, 0, 0])));
    expect([tokens(strokes), strokes.errors.includes('what is light is drawn')]).to.deep.equal([4, true]);
    const ones = run(rgba((place) => [...new Array(3).fill(isDrawn(place) ? 1 : 0), 255] as never));
    expect([tokens(ones), ones.errors.includes('1 is read as white')]).to.deep.equal([4, true]);
    const noise = run(
      rgba((place) => [...new Array(3).fill(isDrawn(place) ? 255 : place % 120), 255] as never),
    );
    expect([tokens(noise), remarks(noise.errors)]).to.deep.equal([4, '']);
    const faint = run(rgba((place) => [...new Array(3).fill(place), 255] as never));
    expect([tokens(faint), remarks(faint.errors)]).to.deep.equal([
      undefined,
      'picture 1: nothing is masked, it stays as it is (its mask is at most 63 of 255, and draws from 128 on)\n',
    ]);
    const both = run(
      rgba((place) => [...new Array(3).fill(place < 9 ? 255 : 0), place > 40 ? 0 : 255] as never),
    );
    expect([both.code, both.errors.includes('both the colours and the transparency')]).to.deep.equal([
      3,
      true,
    ]);
    expect(both.errors.trim().split('\n')).to.have.length(1);
  }).timeout(120_000);

  it('refuses what is too large before anything is allocated, and stdin twice', () => {
    const image = write('image.png', encodePng({ width: SIDE, height: SIDE, data: pattern(SIDE, SIDE, 3) }));
    const out = ['-o', temporary('none.png')];
    const cases = [
      ['inpaint', image, '--mask', image, '--feather', '2000000000', ...out],
      ['outpaint', image, '--left', '1000000000', ...out],
      ['outpaint', image, '--top', '9007199254740991', '--left', '9007199254740991', ...out],
      ['outpaint', image, '--size', '1000000000x1000000000', ...out],
      ['outpaint', image, '--right', '20000', '-o', temporary('none.webp')],
      ['sample', '--class', '3', '--size', '1000000000x1000000000', '--order', 'raster', ...out],
      ['sample', '--class', '3', '--size', '65534x65534', '--order', 'raster', ...out],
      ['inpaint', '-', '--mask', '-', ...out],
    ];
    for (const args of cases) {
      const { code, errors } = arpg([...args, '--seed', '1'], { stdin: readFileSync(image) });
      expect([code, errors.trim().split('\n').length], `${args.join(' ')}: ${errors}`).to.deep.equal([2, 1]);
    }
    expect(readdirSync(temporary('.')).filter((name) => name.startsWith('none'))).to.deep.equal([]);
  }).timeout(120_000);

  it('pictures flow through pipelines: bytes, several PNGs, JSON lines', () => {
    const mask = write('mask.png', rectangleMaskPng(SIDE, SIDE, 2, 2, 6, 6));
    const { text, errors } = shell(
      `arpg sample --class 3 --seed 1 -o - --quiet | arpg inpaint - --mask ${mask} --seed 2 -o - --quiet | arpg tokenize -`,
    );
    expect(errors).to.equal('');
    expect(JSON.parse(text).tokens).to.have.length(16);
    const many = shell(
      `arpg sample --class 3 --class 4 --seed 1 -o - --quiet | arpg inpaint - --mask ${mask} --seed 2 -o - --quiet`,
    );
    expect(many.errors).to.equal('');
    const tokens = arpg(['tokenize', '-'], { stdin: many.stdout }).text.trim().split('\n');
    expect(tokens.map((json) => JSON.parse(json).source)).to.deep.equal([
      'stdin: picture 1',
      'stdin: picture 2',
    ]);
    const one = encodePng({ width: SIDE, height: SIDE, data: pattern(SIDE, SIDE, 3) });
    const line = `${JSON.stringify({ image: Buffer.from(one).toString('base64') })}\n`;
    const lines = arpg(['inpaint', '-', '--mask', mask, '--seed', '2', '--quiet', '-o', '-'], {
      stdin: line + line,
    });
    for (const { stdout } of [many, lines]) expect(stdout.toString('latin1').split('IEND')).to.have.length(3);
    const refused = arpg(['inpaint', '-', '--mask', mask, '-o', temporary('two.png')], {
      stdin: line + line,
    });
    expect([refused.code, refused.errors.includes('do not fit in the file')]).to.deep.equal([2, true]);
  }).timeout(120_000);

  it('a small mask is drawn in its share of the steps', () => {
    const image = write('image.png', encodePng({ width: SIDE, height: SIDE, data: pattern(SIDE, SIDE, 3) }));
    const mask = write('mask.png', rectangleMaskPng(SIDE, SIDE, 0, 0, 4, 4));
    const { text } = arpg([
      'inpaint',
      image,
      '--mask',
      mask,
      '--seed',
      '1',
      '--json',
      '-o',
      temporary('out.png'),
    ]);
    expect(JSON.parse(text).pictures).to.deep.equal([
      { width: 8, height: 8, windows: [{ left: 0, top: 0, width: 8, height: 8, drawn_tokens: 4 }] },
    ]);
  });
});

describe('several pictures on one stream', () => {
  const temporary = temporaryFolder();

  it('what comes of one depends on its place and the seed, not on its neighbours', () => {
    const [one, two, three] = [1, 2, 3].map((factor) => {
      const data = pattern(SIDE, SIDE, 3).map((value) => (value * factor) % 256);
      return encodePng({ width: SIDE, height: SIDE, data });
    });
    writeFileSync(temporary('mask.png'), rectangleMaskPng(SIDE, SIDE, 2, 2, 6, 8));
    const second = (first: Uint8Array) => {
      const { stdout, errors } = arpg(
        [
          'inpaint',
          '-',
          '--mask',
          temporary('mask.png'),
          '--class',
          '3',
          '--seed',
          '9',
          ...TARGET,
          '-o',
          '-',
        ],
        { stdin: Buffer.concat([first, two!]) },
      );
      expect(remarks(errors)).to.equal('');
      const pictures = splitPictures(stdout, 'stdout');
      expect(pictures).to.have.length(2);
      return Buffer.from(pictures[1]!.bytes);
    };
    expect(second(one!).equals(second(three!))).to.equal(true);
    expect(second(one!).equals(Buffer.from(two!))).to.equal(false);
  }).timeout(60_000);
});

describe('arpg outpaint and edit', () => {
  const temporary = temporaryFolder();
  const image = () => {
    writeFileSync(temporary('image.png'), encodePng({ width: 9, height: 7, data: pattern(9, 7, 3) }));
    return temporary('image.png');
  };

  it('the picture lies bit for bit in a larger one, far beyond one window', () => {
    const flags = [
      '--left',
      '5',
      '--right',
      '20',
      '--bottom',
      '11',
      '--seed',
      '1',
      '-o',
      temporary('out.png'),
    ];
    const { errors, code } = arpg(['outpaint', image(), ...flags, ...TARGET]);
    expect([remarks(errors), code]).to.deep.equal(['', 0]);
    const [small, large] = [read(image()), read(temporary('out.png'))];
    expect([large.width, large.height]).to.deep.equal([34, 18]);
    for (let row = 0; row < 7; row++)
      expect(
        large.data
          .subarray((row * 34 + 5) * 4, (row * 34 + 14) * 4)
          .equals(small.data.subarray(row * 36, row * 36 + 36)),
      ).to.equal(true);
    const border = new Set(
      Array.from({ length: 18 }, (_, row) => large.data.readUInt32LE((row * 34 + 33) * 4)),
    );
    expect(border.size).to.be.greaterThan(3);
  }).timeout(120_000);

  it('--size with an anchor, and what it refuses', () => {
    const run = (...flags: readonly string[]) =>
      arpg(['outpaint', image(), ...flags, '--seed', '1', '-o', temporary('sized.png'), ...TARGET]);
    expect(remarks(run('--size', '12x8', '--anchor', 'bottom-right').errors)).to.equal('');
    const large = read(temporary('sized.png'));
    expect([large.width, large.height]).to.deep.equal([12, 8]);
    expect(
      large.data.subarray((1 * 12 + 3) * 4, (1 * 12 + 12) * 4).equals(read(image()).data.subarray(0, 36)),
    ).to.equal(true);
    expect([run('--size', '4x20').code, run('--size', 'big').code, run().code]).to.deep.equal([3, 2, 2]);
    expect(run('--size', '99999x99999').errors).to.include('allowed');
  });

  it('--keep varies a share of the tokens, fixed by the seed', () => {
    const run = (keep: string, seed: string) => {
      const flags = [
        '--class',
        '3',
        '--keep',
        keep,
        '--seed',
        seed,
        '-o',
        temporary('varied.png'),
        ...TARGET,
      ];
      expect(arpg(['edit', image(), ...flags]).errors).to.not.include('arpg:');
      return read(temporary('varied.png'));
    };
    const original = read(image());
    const changed = differences(original, run('0.5', '1')).length;
    expect(changed).to.be.within(10, 55);
    expect(run('0.5', '1').data.equals(run('0.5', '1').data)).to.equal(true);
    expect(run('0.5', '2').data.equals(run('0.5', '1').data)).to.equal(false);
    expect(differences(original, run('1', '1'))).to.deep.equal([]);
    expect(differences(original, run('0', '1')).length).to.be.greaterThan(changed);
    const missing = arpg(['edit', image(), '--class', '3', '-o', temporary('none.png')]);
    expect([missing.code, missing.errors.includes('--mask or --keep')]).to.deep.equal([2, true]);
  }).timeout(120_000);
});

describe('arpg sample: other sizes and steps on the way', () => {
  const temporary = temporaryFolder();

  it('pictures of any whole number of tokens, with extended or interpolated RoPE', () => {
    const draw = (...flags: readonly string[]) => {
      const { errors } = arpg([
        'sample',
        '--class',
        '3',
        '--seed',
        '1',
        ...flags,
        '-o',
        temporary('out.png'),
        ...TARGET,
      ]);
      const isLarger = flags.includes('16x12');
      const note = 'the model was trained on 8×8 pixels: at 16×12 quality falls\n';
      expect(remarks(errors)).to.equal(isLarger ? note : '');
      return read(temporary('out.png'));
    };
    const extended = draw('--size', '16x12', '--rope', 'extend');
    expect([extended.width, extended.height]).to.deep.equal([16, 12]);
    expect(draw('--size', '16x12', '--rope', 'interpolate').data.equals(extended.data)).to.equal(false);
    expect(draw('--size', '8x8', '--rope', 'interpolate').data.equals(draw().data)).to.equal(true);
    for (const size of ['9x8', '8', '0x8', '4000x4000']) {
      const { code, errors } = arpg(['sample', '--class', '3', '--size', size, '-o', temporary('none.png')]);
      expect([code, errors.includes(`size ${size}`)]).to.deep.equal([2, true]);
    }
  }).timeout(120_000);

  it('frames grow from grey to the picture; GIF and APNG have one page a step', async () => {
    const flags = ['--class', '3', '--class', '4', '--seed', '1', '--steps', '5', ...TARGET];
    for (const format of ['gif', 'apng'] as const) {
      const path = temporary(`steps.${format}`);
      const run = arpg(['sample', ...flags, '--format', format, '--frames', temporary('frames'), '-o', path]);
      expect(remarks(run.errors)).to.equal('');
      const bytes = readFileSync(path);
      if (format === 'gif') expect((await sharp(bytes).metadata()).pages).to.equal(5);
      else expect(bytes.toString('latin1').split('fcTL')).to.have.length(6);
    }
    const frames = readdirSync(temporary('frames')).sort();
    expect(frames).to.have.length(5);
    const grey = frames.map((name) => {
      const { data } = read(join(temporary('frames'), name));
      return Array.from({ length: data.length / 4 }, (_, pixel) => pixel).filter((pixel) =>
        [0, 1, 2].every((channel) => data[pixel * 4 + channel] === 160),
      ).length;
    });
    expect(grey.at(-1)).to.equal(0);
    for (const [index, count] of grey.slice(1).entries()) expect(count).to.be.below(grey[index]!);
    arpg(['sample', ...flags, '--format', 'grid', '-o', temporary('grid.png')]);
    expect(
      differences(read(temporary('grid.png')), read(join(temporary('frames'), frames.at(-1)!))),
    ).to.deep.equal([]);
    // The moving picture says how it was drawn, as the grid does.
    const again = arpg(['sample', '--like', temporary('steps.apng'), ...TARGET]);
    expect(again.stdout.equals(readFileSync(temporary('grid.png'))), again.errors).to.equal(true);
    const refused = arpg(['sample', ...flags, '--format', 'tokens', '--frames', temporary('frames')]);
    expect([refused.code, refused.errors.includes('--frames')]).to.deep.equal([2, true]);
  }).timeout(120_000);
});
