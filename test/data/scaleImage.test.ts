import { expect } from 'chai';
import { MAX_SCALE, requireScalable, scaleImage } from '../../src/data/image.js';
import { UsageError } from '../../src/errors.js';
import { pattern } from '../support/pngs.js';

describe('larger pictures', () => {
  for (const channels of [3, 4] as const)
    it(`nearest repeats each pixel of ${channels} channels`, async () => {
      const [width, height, factor] = [5, 3, 4];
      const data = pattern(width, height, channels);
      const large = await scaleImage({ width, height, data }, channels, { factor, filter: 'nearest' });
      expect([large.width, large.height]).to.deep.equal([20, 12]);
      const expected = Uint8Array.from({ length: 20 * 12 * channels }, (_, index) => {
        const [pixel, channel] = [Math.floor(index / channels), index % channels];
        const [row, column] = [Math.floor(pixel / 20 / factor), Math.floor((pixel % 20) / factor)];
        return data[(row * width + column) * channels + channel]!;
      });
      expect(Buffer.from(large.data).equals(expected)).to.equal(true);
    });

  it('lanczos makes new values between, and keeps what has one colour', async () => {
    const data = Uint8Array.from({ length: 8 * 8 * 3 }, (_, index) =>
      Math.floor(index / 3) % 8 < 4 ? 0 : 255,
    );
    const scaling = { factor: 4, filter: 'lanczos' } as const;
    const large = await scaleImage({ width: 8, height: 8, data }, 3, scaling);
    expect(large.data.length).to.equal(32 * 32 * 3);
    expect(new Set(large.data).size).to.be.greaterThan(3);
    const even = { width: 8, height: 8, data: new Uint8Array(192).fill(77) };
    expect(new Set((await scaleImage(even, 3, scaling)).data)).to.deep.equal(new Set([77]));
  });

  it('one is the picture itself, and too many pixels are refused', async () => {
    const image = { width: 2, height: 2, data: pattern(2, 2, 3) };
    expect(await scaleImage(image, 3, { factor: 1, filter: 'lanczos' })).to.equal(image);
    const scaling = { factor: MAX_SCALE, filter: 'nearest' } as const;
    expect(() => requireScalable({ width: 1024, height: 1024 }, scaling)).to.throw(UsageError, '--scale 64');
    requireScalable({ width: 128, height: 128 }, scaling);
  });
});
