import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import { expect } from 'chai';
import { PNG } from 'pngjs';
import { decodeImage, decodeRgba, encodePng } from '../../src/data/image.js';
import { pngChunk } from '../../src/data/pngFile.js';
import { InputError } from '../../src/errors.js';
import { pattern, samplePngs } from '../support/pngs.js';
import { PNG_SIGNATURE, pngHeader, rawPng, unfilteredRows } from '../support/rawPng.js';

const fixture = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../../fixtures/pictures/${name}`, import.meta.url)));

async function refusal(bytes: Uint8Array): Promise<string> {
  const error = await decodeRgba(bytes, 'bad.png').then(
    () => expect.fail('accepted'),
    (reason: Error) => reason,
  );
  expect(error).to.be.instanceOf(InputError);
  expect(error.message).to.match(/^bad\.png: /);
  return error.message;
}

const GREY = { width: 4, height: 2, rows: unfilteredRows(2, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)) };
const END = pngChunk('IEND', new Uint8Array(0));

describe('PNG: pixels that are not all there', () => {
  it('are refused instead of filled with memory', async () => {
    expect(await refusal(fixture('leak-1200x1.png'))).to.include('cut short');
    expect(await refusal(fixture('leak-20000x1.png'))).to.include('holds only 9 bytes');
    for (const [kind, interlace] of [
      ['plain', 0],
      ['interlaced', 1],
    ] as const) {
      const short = rawPng({ ...GREY, interlace, rows: GREY.rows.subarray(0, 7) });
      expect(await refusal(short), kind).to.include('it holds 7');
      const packed = deflateSync(GREY.rows);
      const cut = rawPng({ ...GREY, interlace, packed: packed.subarray(0, packed.length - 6) });
      expect(await refusal(cut), kind).to.include('cut short');
    }
  });

  it('decode to the same bytes each time, whatever lay in memory before', async () => {
    for (const [kind, bytes] of await samplePngs(31, 17)) {
      const first = await decodeRgba(bytes, kind);
      Buffer.allocUnsafe(1 << 20).fill(0xaa);
      const second = await decodeRgba(bytes, kind);
      expect(Buffer.from(first.data).equals(Buffer.from(second.data)), kind).to.equal(true);
      expect(first.data, kind).to.deep.equal(PNG.sync.read(bytes).data);
    }
  });

  it('every colour type, depth and interlacing gives what pngjs reads of a sound file', async () => {
    const kinds = [
      ...[1, 2, 4, 8, 16].map((depth) => [0, depth, 1] as const),
      ...[8, 16].map((depth) => [2, depth, 3] as const),
      ...[1, 2, 4, 8].map((depth) => [3, depth, 1] as const),
      ...[8, 16].map((depth) => [4, depth, 2] as const),
      ...[8, 16].map((depth) => [6, depth, 4] as const),
    ];
    for (const [colourType, depth, channels] of kinds) {
      const [width, height] = [9, 5];
      const rowBytes = Math.ceil((width * depth * channels) / 8);
      const rows = unfilteredRows(height, pattern(rowBytes, height, 1));
      const extras = colourType === 3 ? ([['PLTE', pattern(256, 1, 3)]] as const) : [];
      const bytes = rawPng({ width, height, depth, colourType, rows, extras });
      const { data } = await decodeRgba(bytes, 'x');
      expect(data, `${colourType} ${depth}`).to.deep.equal(PNG.sync.read(bytes).data);
    }
  });

  it('a transparent colour is transparent; the chunk means nothing where pixels have their own opacity', async () => {
    const grey = rawPng({ ...GREY, extras: [['tRNS', Uint8Array.of(0, 3)]] });
    const alphas = Array.from((await decodeRgba(grey, 'x')).data).filter((_, index) => index % 4 === 3);
    expect(alphas).to.deep.equal([255, 255, 0, 255, 255, 255, 255, 255]);
    const rows = unfilteredRows(1, Uint8Array.of(3, 200));
    const own = rawPng({ width: 1, height: 1, colourType: 4, rows, extras: [['tRNS', Uint8Array.of(0, 3)]] });
    expect(Array.from((await decodeRgba(own, 'x')).data)).to.deep.equal([3, 3, 3, 200]);
  });
});

describe('PNG: structure', () => {
  it('names the real fault', async () => {
    const zero = { ...GREY, width: 0 };
    expect(await refusal(rawPng(zero))).to.include('0×2 pixels');
    expect(await refusal(rawPng({ ...GREY, height: 0 }))).to.include('4×0 pixels');
    expect(await refusal(fixture('cgbi.png'))).to.include('Apple CgBI');
    const headless = Buffer.concat([PNG_SIGNATURE, pngChunk('IDAT', deflateSync(GREY.rows)), END]);
    expect(await refusal(headless)).to.include('begins with a chunk IDAT');
    const unknown = rawPng({ ...GREY, extras: [['ABCD', new Uint8Array(3)]] });
    expect(await refusal(unknown)).to.include('extension that is not known (chunk ABCD)');
    const wrongSum = rawPng(GREY);
    wrongSum[wrongSum.indexOf('IDAT') + 6]! ^= 1;
    expect(await refusal(wrongSum)).to.include('the checksum of its IDAT chunk is wrong');
    const noEnd = rawPng(GREY);
    expect(await refusal(noEnd.subarray(0, noEnd.length - 12))).to.include('cut short');
    const empty = Buffer.concat([PNG_SIGNATURE, pngChunk('IHDR', pngHeader(GREY)), END]);
    expect(await refusal(empty)).to.include('holds no pixels');
    expect(await refusal(rawPng({ ...GREY, colourType: 3 }))).to.include('palette is missing');
    expect(await refusal(rawPng({ ...GREY, colourType: 2, depth: 4 }))).to.include('colour type 2 of 4 bits');
    const filter = Uint8Array.from(GREY.rows);
    filter[0] = 9;
    expect(await refusal(rawPng({ ...GREY, rows: filter }))).to.include('damaged');
    const outside = rawPng({ ...GREY, colourType: 3, extras: [['PLTE', new Uint8Array(6)]] });
    expect(await refusal(outside)).to.include('damaged');
    expect(
      await refusal(rawPng({ ...GREY, extras: [['acTL', Uint8Array.of(0, 0, 0, 5, 0, 0, 0, 0)]] })),
    ).to.include('moving picture of 5 frames');
  });

  it('what follows the end and the packed pixels is ignored, as browsers do', async () => {
    const plain = await decodeImage(rawPng(GREY), 'x');
    const packed = Buffer.concat([deflateSync(GREY.rows), Buffer.from([7])]);
    const after = Buffer.concat([rawPng(GREY), Buffer.alloc(100, 1)]);
    for (const bytes of [rawPng({ ...GREY, packed }), after])
      expect(await decodeImage(bytes, 'x')).to.deep.equal(plain);
  });

  it('checksums of chunks that nobody reads do not matter', async () => {
    const bytes = rawPng({ ...GREY, extras: [['tEXt', Buffer.from('a\0b')]] });
    bytes[bytes.indexOf('tEXt') + 4]! ^= 1;
    expect(await decodeImage(bytes, 'x')).to.deep.equal(await decodeImage(rawPng(GREY), 'x'));
  });
});

describe('PNG: announced sizes', () => {
  it('more than the packed bytes can hold is refused at once', async () => {
    for (const [width, height] of [
      [4000, 4000],
      [65_535, 1],
      [1, 65_535],
    ] as const)
      expect(await refusal(rawPng({ ...GREY, width, height }))).to.match(/holds only|cut short/);
  });

  it('sides and pixels have limits, which a file of more bytes may go beyond', async () => {
    expect(await refusal(rawPng({ ...GREY, width: 1 << 20, height: 1 }))).to.include('at most 65535');
    expect(await refusal(rawPng({ ...GREY, width: 8192, height: 8192 }))).to.match(
      /8192×8192 pixels are more than/,
    );
    expect(await refusal(rawPng({ ...GREY, width: 4096, height: 4096, depth: 16 }))).to.include(
      'export it with 8 bits a channel',
    );
  });

  it('packed pixels that go on and on are left after what the size needs', async () => {
    const packed = deflateSync(new Uint8Array(1 << 26));
    const before = process.cpuUsage();
    expect(await refusal(rawPng({ ...GREY, packed }))).to.include('more pixels than the 4×2');
    const interlaced = rawPng({ ...GREY, packed, interlace: 1 });
    expect(await refusal(interlaced)).to.include('more pixels than the 4×2');
    const { user, system } = process.cpuUsage(before);
    expect(user + system).to.be.below(500_000);
  });

  it('a picture of one colour may be large although its file is small', async () => {
    const image = { width: 2048, height: 1024, data: new Uint8Array(2048 * 1024 * 3).fill(9) };
    expect((await decodeImage(encodePng(image), 'x')).data.every((value) => value === 9)).to.equal(true);
  });
});
