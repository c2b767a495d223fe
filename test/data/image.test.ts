import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { PNG } from 'pngjs';
import sharp from 'sharp';
import {
  cropForTokens,
  decodeImage,
  encodePng,
  flipImage,
  gridOfImages,
  type RgbImage,
} from '../../src/data/image.js';
import { encodeNpz } from '../../src/data/npz.js';
import { InputError } from '../../src/errors.js';

const photo = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../../fixtures/photos/${name}`, import.meta.url)));

function gradient(width: number, height: number): RgbImage {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, index) => (index * 7) % 256);
  return { width, height, data };
}

async function failure(bytes: Uint8Array): Promise<Error> {
  return decodeImage(bytes, 'bad.png').then(
    () => expect.fail('accepted'),
    (error: Error) => error,
  );
}

describe('images', () => {
  it('survive PNG bit for bit, with the same bytes each time', async () => {
    const image = gradient(13, 7);
    const bytes = encodePng(image);
    expect(await decodeImage(bytes, 'x')).to.deep.equal(image);
    expect(Buffer.from(encodePng(image)).equals(bytes)).to.equal(true);
  });

  it('real photographs decode as sharp decodes them', async () => {
    for (const name of ['chelsea.png', 'palette_color.png']) {
      const { data, info } = await sharp(photo(name))
        .flatten({ background: 'white' })
        .toColourspace('srgb')
        .raw()
        .toBuffer({ resolveWithObject: true });
      const image = await decodeImage(photo(name), name);
      expect([image.width, image.height]).to.deep.equal([info.width, info.height]);
      expect(Buffer.from(image.data).equals(data), name).to.equal(true);
    }
  });

  it('grey, 16-bit, interlaced and transparent PNGs, JPEG and WebP are read', async () => {
    const raw = { width: 8, height: 8, channels: 3 } as const;
    const pixels = sharp(gradient(8, 8).data, { raw });
    const variants = {
      grey: await pixels.clone().greyscale().png().toBuffer(),
      deep: await pixels.clone().toColourspace('rgb16').png().toBuffer(),
      interlaced: await pixels.clone().png({ progressive: true }).toBuffer(),
      jpeg: await pixels.clone().jpeg().toBuffer(),
      webp: await pixels.clone().webp().toBuffer(),
    };
    for (const [name, bytes] of Object.entries(variants)) {
      const image = await decodeImage(bytes, name);
      expect([image.width, image.height, image.data.length], name).to.deep.equal([8, 8, 192]);
    }
    const clear = new PNG({ width: 2, height: 1 });
    clear.data = Buffer.from([0, 0, 0, 0, 200, 0, 0, 128]);
    expect(Array.from((await decodeImage(PNG.sync.write(clear), 'x')).data)).to.deep.equal([
      255, 255, 255, 227, 127, 127,
    ]);
  });

  it('damaged, short, huge, foreign and empty ones are refused by name', async () => {
    const good = photo('chelsea.png');
    const flipped = Buffer.from(good);
    flipped[flipped.length / 2] = flipped[flipped.length / 2]! ^ 0xff;
    const huge = Buffer.from(good);
    huge.writeUInt32BE(1 << 20, 16);
    huge.writeUInt32BE(1 << 20, 20);
    const cases = {
      short: good.subarray(0, good.length - 5000),
      'very short': good.subarray(0, 20),
      flipped,
      huge,
      text: Buffer.from('hello'),
      empty: Buffer.alloc(0),
    };
    for (const [name, bytes] of Object.entries(cases)) {
      const error = await failure(bytes);
      expect(error, name).to.be.instanceOf(InputError);
      expect(error.message, name).to.match(/^bad\.png: /);
    }
  });

  it('crops have the sizes asked for', async () => {
    const image = gradient(50, 37);
    const [center, ...none] = await cropForTokens(image, 'center', 16, 4);
    expect([center!.width, center!.height, none.length]).to.deep.equal([16, 16, 0]);
    const ten = await cropForTokens(image, 'ten', 16, 4);
    expect(ten).to.have.length(10);
    expect(ten[5]).to.deep.equal(flipImage(ten[0]!));
    const [trimmed] = await cropForTokens(image, 'none', 16, 4);
    expect([trimmed!.width, trimmed!.height]).to.deep.equal([48, 36]);
    expect((await cropForTokens(gradient(16, 16), 'center', 16, 4))[0]).to.deep.equal(gradient(16, 16));
  });

  it('a picture of one row, or a size beyond all measure, is refused before it is resampled', async () => {
    const line = gradient(65_535, 1);
    for (const [image, size] of [
      [line, 256],
      [gradient(9, 9), 1_000_000_000],
    ] as const)
      for (const crop of ['center', 'ten'] as const) {
        const error = await cropForTokens(image, crop, size, 4).catch((reason: Error) => reason);
        expect(error).to.be.instanceOf(InputError);
        expect((error as Error).message).to.include('would become');
      }
  });

  it('a grid shows every image', () => {
    const grid = gridOfImages([gradient(4, 3), gradient(4, 3), gradient(4, 3)], 2, 1);
    expect([grid.width, grid.height]).to.deep.equal([9, 7]);
    expect(Array.from(grid.data.subarray(5 * 3, 9 * 3))).to.deep.equal(
      Array.from(gradient(4, 3).data.subarray(0, 12)),
    );
  });

  it('an npz holds the pixels under NumPy’s header', async () => {
    const images = [gradient(4, 2), gradient(4, 2)];
    const bytes = Buffer.from(await encodeNpz(images));
    const text = bytes.toString('latin1');
    expect(text).to.include('arr_0.npy').and.include("'shape': (2, 2, 4, 3), }");
    const start = text.indexOf('\x93NUMPY') + 128;
    expect(Array.from(bytes.subarray(start, start + 24))).to.deep.equal(Array.from(images[0]!.data));
    expect(Buffer.from(await encodeNpz(images)).equals(bytes)).to.equal(true);
  });
});
