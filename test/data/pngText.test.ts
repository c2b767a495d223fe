import { deflateSync } from 'node:zlib';
import { expect } from 'chai';
import { PNG } from 'pngjs';
import { decodeImage, encodePng } from '../../src/data/image.js';
import { pngChunk, pngChunks } from '../../src/data/pngFile.js';
import { MAX_TEXT_BYTES, pngText, withPngTexts } from '../../src/data/pngText.js';
import { pattern } from '../support/pngs.js';

const png = encodePng({ width: 5, height: 4, data: pattern(5, 4, 3) });
const latin = (text: string) => Buffer.from(text, 'latin1');

/** The picture with a chunk behind its header that another program may have written. */
function withChunk(type: string, data: Uint8Array): Uint8Array {
  return Buffer.concat([png.subarray(0, 33), pngChunk(type, data), png.subarray(33)]);
}

describe('texts in a PNG', () => {
  const texts = [
    { keyword: 'Software', text: 'arpg 1' },
    { keyword: 'Title', text: 'café' },
    { keyword: 'Description', text: '雪 — snow' },
    { keyword: 'Comment', text: 'bell \u0007' },
  ];

  it('come back, and the pixels stay', async () => {
    const bytes = withPngTexts(png, texts);
    for (const { keyword, text } of texts) expect(pngText(bytes, keyword)).to.equal(text);
    expect(pngText(bytes, 'Author')).to.equal(undefined);
    expect(PNG.sync.read(Buffer.from(bytes))).to.include({ width: 5, height: 4 });
    expect((await decodeImage(bytes, 'x')).data).to.deep.equal(pattern(5, 4, 3));
    expect(Buffer.from(withPngTexts(png, texts)).equals(Buffer.from(bytes))).to.equal(true);
  });

  it('lie between the header and the pixels: Latin-1 as tEXt, all else as UTF-8', () => {
    const chunks = [...pngChunks(withPngTexts(png, texts))];
    expect(chunks.map(({ type }) => type)).to.deep.equal([
      'IHDR',
      'tEXt',
      'tEXt',
      'iTXt',
      'iTXt',
      'IDAT',
      'IEND',
    ]);
    expect(Buffer.from(chunks[2]!.data).toString('latin1')).to.equal('Title\0caf\xe9');
    expect(Buffer.from(chunks[3]!.data).toString()).to.equal('Description\0\0\0\0\0雪 — snow');
  });

  it('that other programs packed are read, bombs and damage are not', () => {
    const packed = (text: string) => deflateSync(Buffer.from(text));
    const zipped = Buffer.concat([latin('arpg\0\0'), packed('{"a":1}')]);
    expect(pngText(withChunk('zTXt', zipped), 'arpg')).to.equal('{"a":1}');
    const international = Buffer.concat([latin('arpg\0\x01\0en\0\0'), packed('雪')]);
    expect(pngText(withChunk('iTXt', international), 'arpg')).to.equal('雪');
    const bomb = Buffer.concat([latin('arpg\0\0'), packed(' '.repeat(MAX_TEXT_BYTES + 1))]);
    expect(pngText(withChunk('zTXt', bomb), 'arpg')).to.equal(undefined);
    const long = Buffer.concat([latin('arpg\0'), Buffer.alloc(MAX_TEXT_BYTES, 32)]);
    expect(pngText(withChunk('tEXt', long), 'arpg')).to.equal(undefined);
    expect(pngText(withChunk('zTXt', latin('arpg\0\0no')), 'arpg')).to.equal(undefined);
    const damaged = Buffer.from(withChunk('tEXt', latin('arpg\0text')));
    damaged[damaged.indexOf('text')]! ^= 1;
    expect(pngText(damaged, 'arpg')).to.equal(undefined);
    for (let length = 0; length < 60; length++)
      expect(pngText(withChunk('tEXt', latin('arpg\0text')).subarray(0, length), 'arpg')).to.be.oneOf([
        undefined,
        'text',
      ]);
  });
});
