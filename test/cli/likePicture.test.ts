import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { differences, readLike } from '../../src/cli/likePicture.js';
import { listPictures } from '../../src/cli/sampleRequest.js';
import { encodePng } from '../../src/data/image.js';
import { withPngTexts } from '../../src/data/pngText.js';
import { modelDigest, modelFolder, type SampleRecord, shippedModel, UsageError } from '../../src/index.js';
import { temporaryFolder } from '../support/temporary.js';

const tiny = fileURLToPath(new URL('../../../fixtures/models/tiny', import.meta.url));
const image = { width: 8, height: 8, data: new Uint8Array(192).fill(9) };

describe('the model of a picture to draw again', () => {
  const temporary = temporaryFolder();
  const like = async (model: object = {}, given: { model?: string; isGiven?: boolean } = {}) => {
    const record = {
      ...{ format: 1, command: 'sample', version: '0.0.9\u001b', target: 'gpujs', precision: 'fp32' },
      model: { name: 'tiny', sha256: await modelDigest(tiny), ...model },
      ...{ seed: 7, picture: 0, classes: [{ index: 3 }], settings: {} },
    };
    const text = JSON.stringify(record);
    writeFileSync(temporary('p.png'), withPngTexts(encodePng(image), [{ keyword: 'arpg', text }]));
    return readLike(temporary('p.png'), { model: 'digits', isGiven: false, quiet: true, ...given });
  };
  const sha256 = '0'.repeat(64);

  it('is the one given, else one that draws the same, else one of its name', async () => {
    const digits = shippedModel('digits')!;
    expect(await like({}, { model: digits, isGiven: true })).to.include({
      folder: digits,
      isSameModel: false,
    });
    // The default model is another one, but the picture's comes with the program.
    expect(await like()).to.include({ folder: shippedModel('tiny'), isSameModel: true });
    expect(await like({ name: 'renamed' }, { model: tiny })).to.include({ folder: tiny, isSameModel: true });
    expect(await like({ sha256 })).to.include({ folder: shippedModel('tiny'), isSameModel: false });
    expect(await like({ name: 'digits' }, { model: tiny })).to.include({ folder: tiny, isSameModel: true });
  });

  it('is never a path that the picture names', async () => {
    cpSync(tiny, temporary('secret'), { recursive: true });
    const config = JSON.parse(readFileSync(join(tiny, 'config.json'), 'utf8'));
    writeFileSync(temporary('secret/config.json'), JSON.stringify({ ...config, license: 'MIT' }));
    const own = await modelDigest(temporary('secret'));
    for (const name of [
      temporary('secret'),
      '../tiny',
      'fixtures/models/tiny',
      'someone/else',
      '',
      '.',
      '..',
    ])
      for (const digest of [sha256, own]) {
        const failure = await like({ name, sha256: digest }).then(
          () => expect.fail(`${name} accepted`),
          (error: Error) => error,
        );
        expect(failure, name).to.be.instanceOf(UsageError);
        expect(failure.message).to.include('which is not at hand: name its folder with --model');
      }
    expect(modelFolder('tiny')).to.equal(shippedModel('tiny'));
    for (const name of ['../tiny', 'digits/tokenizer', '', '.'])
      expect(shippedModel(name)).to.equal(undefined);
  });

  it('and all else that may make a difference is said', async () => {
    const same = await like();
    expect(differences(same, { version: '0.0.9\u001b', target: 'gpujs' })).to.deep.equal([]);
    const lines = differences({ ...same, isSameModel: false }, { version: '0.1.0', target: 'onnx' });
    expect(lines.map((line) => line.replace(/^.*p\.png: /, ''))).to.deep.equal([
      "it was drawn with other weights than this model's: the picture will differ",
      'it was drawn by arpg 0.0.9\\u{1b}, this is 0.1.0: it may differ',
      'it was drawn on gpujs, this is onnx: it may differ',
    ]);
  });
});

describe('which pictures are asked for', () => {
  const record = { classes: [{ index: 3 }], picture: 5 } as unknown as SampleRecord;
  const grid = { ...record, classes: [1, 1, 2, 2].map((index) => ({ index })), columns: 2 } as SampleRecord;
  const list = (named: string[] | undefined, count: number, given: readonly string[], of?: SampleRecord) =>
    listPictures({ class: named, count }, new Set(given), of);

  it('by flags: a row for each of several classes', () => {
    expect(list(['a', 'b'], 3, [])).to.deep.equal({
      classes: ['a', 'a', 'a', 'b', 'b', 'b'],
      count: 6,
      first: 0,
      columns: 3,
    });
    expect(list(['a'], 9, [])).to.deep.include({ count: 9, columns: 3 });
    expect(list(['a', 'b', 'c', 'd', 'e'], 1, [])).to.deep.include({ count: 5, columns: 3 });
    expect(list(undefined, 4, [])).to.deep.equal({ count: 4, first: 0, columns: 2 });
    expect(() => list(['a', 'b'], 600_000, [])).to.throw(UsageError, '1200000 pictures');
  });

  it('by a picture, whose number is that of the first', () => {
    expect(list(undefined, 1, [], record)).to.deep.equal({ classes: [3], count: 1, first: 5, columns: 1 });
    expect(list(undefined, 3, ['count'], record)).to.deep.include({ classes: [3, 3, 3], first: 5 });
    expect(list(['a'], 1, ['class'], record)).to.deep.include({ classes: ['a'], first: 5 });
    expect(list(undefined, 1, [], grid)).to.deep.equal({
      classes: [1, 1, 2, 2],
      count: 4,
      first: 5,
      columns: 2,
    });
    expect(list(undefined, 1, [], { ...grid, columns: 60_000 })).to.deep.include({ columns: 4 });
    expect(() => list(undefined, 2, ['count'], grid)).to.throw(UsageError, 'names a grid');
  });
});
