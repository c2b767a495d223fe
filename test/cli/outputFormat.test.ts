import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import sharp from 'sharp';
import { IMAGE_FORMATS } from '../../src/cli/imageOutput.js';
import { chooseOutput } from '../../src/cli/outputFormat.js';
import { encodePicture, encodePng } from '../../src/data/image.js';
import { UsageError } from '../../src/errors.js';
import { arpg } from '../support/cli.js';
import { pattern } from '../support/pngs.js';
import { temporaryFolder } from '../support/temporary.js';

const SAMPLE = [...IMAGE_FORMATS, 'gif', 'apng', 'tokens'] as const;
const choose = (output: string | undefined, format?: string, quality?: number) =>
  chooseOutput({ output, format, quality }, SAMPLE);

describe('what -o and --format say together', () => {
  it('the extension chooses the format', () => {
    const cases = {
      'x.png': 'png',
      'x.PNG': 'png',
      'x.jpg': 'jpeg',
      'dir.d/x.JPEG': 'jpeg',
      'x.webp': 'webp',
      'x.npz': 'npz',
      'x.gif': 'gif',
      'x.apng': 'apng',
      'x.jsonl': 'tokens',
      'no-extension': 'png',
      '/dev/null': 'png',
      '-': 'png',
      'folder.jpg/': 'png',
    };
    for (const [output, format] of Object.entries(cases))
      expect(choose(output).format, output).to.equal(format);
    expect(choose(undefined).format).to.equal('png');
  });

  it('--format fits the extension, or chooses where there is none', () => {
    expect(choose('x.png', 'apng').format).to.equal('apng');
    expect(choose('x.jpg', 'grid')).to.deep.include({ format: 'grid', encoding: 'jpeg' });
    expect(choose('x.png', 'grid')).to.deep.include({ format: 'grid', encoding: 'png' });
    expect(choose('-', 'webp')).to.deep.include({ format: 'webp', encoding: 'webp', quality: 90 });
    expect(choose('folder/', 'jpeg', 40)).to.deep.equal({ format: 'jpeg', encoding: 'jpeg', quality: 40 });
  });

  it('contradictions, unknown extensions and idle qualities are refused with what to do', () => {
    const refused = (output: string, format?: string, quality?: number) => {
      try {
        choose(output, format, quality);
      } catch (error) {
        expect(error).to.be.instanceOf(UsageError);
        return (error as Error).message;
      }
      return expect.fail(`${output} accepted`);
    };
    expect(refused('x.png', 'jpeg')).to.equal(
      '-o x.png contradicts --format jpeg, whose files end in .jpg or .jpeg; change one of them',
    );
    for (const [output, format] of [
      ['x.jpg', 'png'],
      ['x.npz', 'grid'],
      ['x.gif', 'tokens'],
      ['x.jsonl', 'webp'],
      ['x.bmp', 'png'],
    ] as const)
      expect(refused(output, format)).to.include('contradicts');
    for (const output of ['x.bmp', 'x.tiff', 'x.avif', 'x.txt', 'x.svg'])
      expect(refused(output)).to.include('the file may end in .png, .jpg, .jpeg, .webp');
    expect(refused('x.png', undefined, 50)).to.include('--quality is for JPEG and WebP');
    expect(() =>
      chooseOutput({ output: 'x.gif', format: undefined, quality: undefined }, ['png', 'jpeg']),
    ).to.throw(UsageError, 'nothing here is written as .gif');
  });
});

describe('pictures in each encoding', () => {
  const image = { width: 24, height: 16, data: pattern(24, 16, 3) };

  it('are what they say, and quality counts', async () => {
    for (const encoding of ['png', 'jpeg', 'webp'] as const) {
      const [low, high] = [
        await encodePicture(image, 3, encoding, 5),
        await encodePicture(image, 3, encoding, 95),
      ];
      expect((await sharp(high).metadata()).format).to.equal(encoding);
      if (encoding === 'png') expect(Buffer.from(low).equals(Buffer.from(encodePng(image)))).to.equal(true);
      else expect(low.length).to.be.below(high.length);
    }
  });

  it('opacity stays in PNG and WebP and is white paper in JPEG; too many pixels a side are refused', async () => {
    const clear = { width: 2, height: 2, data: new Uint8Array(16) };
    const webp = await sharp(await encodePicture(clear, 4, 'webp'))
      .raw()
      .toBuffer();
    expect(webp[3]).to.equal(0);
    const jpeg = await sharp(await encodePicture(clear, 4, 'jpeg'))
      .raw()
      .toBuffer();
    expect(jpeg[0]).to.be.greaterThan(250);
    const wide = { width: 16_384, height: 1, data: new Uint8Array(16_384 * 3) };
    const error = await encodePicture(wide, 3, 'webp').catch((reason: Error) => reason);
    expect(error).to.be.instanceOf(UsageError);
    expect((error as Error).message).to.include('at most 16383');
  });
});

describe('arpg writes the format that the file is named after', () => {
  const temporary = temporaryFolder();
  const format = async (path: string) => (await sharp(readFileSync(path)).metadata()).format;

  it('sample, detokenize, outpaint and inpaint', async () => {
    expect(arpg(['sample', '-c', '3', '--seed', '1', '-o', temporary('s.jpg')]).errors).to.equal(
      `wrote ${temporary('s.jpg')}: 3, seed 1 (8×8)\n`,
    );
    expect(await format(temporary('s.jpg'))).to.equal('jpeg');
    arpg(['sample', '-c', '3', '--seed', '1', '-o', temporary('t.jsonl')]);
    expect(readFileSync(temporary('t.jsonl'), 'utf8')).to.include('"tokens"');
    arpg(['detokenize', temporary('t.jsonl'), '-o', temporary('d.webp')]);
    expect(await format(temporary('d.webp'))).to.equal('webp');
    mkdirSync(temporary('folder'));
    arpg([
      'detokenize',
      temporary('t.jsonl'),
      '--format',
      'jpeg',
      '--quality',
      '70',
      '-o',
      temporary('folder'),
    ]);
    expect(readdirSync(temporary('folder'))).to.deep.equal(['00000.jpg']);
    const digits = { env: { ARPG_MODEL: 'digits' } };
    writeFileSync(temporary('i.png'), encodePng({ width: 32, height: 32, data: pattern(32, 32, 3) }));
    arpg(['outpaint', temporary('i.png'), '--left', '4', '--seed', '1', '-o', temporary('o.webp')], digits);
    expect(await sharp(readFileSync(temporary('o.webp'))).metadata()).to.include({
      format: 'webp',
      width: 36,
    });
  }).timeout(120_000);

  it('refuses up front, leaving nothing', () => {
    const cases = [
      ['sample', '-c', '3', '-o', temporary('x.bmp')],
      ['sample', '-c', '3', '--format', 'png', '-o', temporary('x.jpg')],
      ['sample', '-c', '3', '--format', 'npz', '-o', `${temporary('x')}/`],
      ['detokenize', temporary('missing.jsonl'), '-o', temporary('x.gif')],
      ['inpaint', temporary('missing.png'), '-o', temporary('x.npz')],
      ['outpaint', temporary('i.png'), '--left', '4', '-o', temporary('x.tif')],
      ['edit', temporary('missing.png'), '-c', '3', '--keep', '1', '-o', temporary('x.jsonl')],
    ];
    for (const args of cases) {
      const { code, errors } = arpg(args);
      expect([code, errors.split('\n').length], args.join(' ')).to.deep.equal([2, 2]);
    }
    expect(readdirSync(temporary('.')).filter((name) => name.startsWith('x'))).to.deep.equal([]);
    expect(existsSync(temporary('x'))).to.equal(false);
  }).timeout(120_000);
});
