import { expect } from 'chai';
import { decodeMask } from '../../src/data/image.js';
import { featherMask } from '../../src/editing/canvas.js';
import { maskOf } from '../../src/editing/mask.js';
import { InputError } from '../../src/errors.js';
import { rectangleMask } from '../support/pngs.js';
import { rawPng, unfilteredRows } from '../support/rawPng.js';

type Pixel = readonly [red: number, green: number, blue: number, alpha: number];

const WHITE: Pixel = [255, 255, 255, 255];
const BLACK: Pixel = [0, 0, 0, 255];
const CLEAR: Pixel = [0, 0, 0, 0];
const CLEAR_WHITE: Pixel = [255, 255, 255, 0];
const NEARLY: Pixel = [0, 0, 0, 254];

const picture = (...pixels: readonly Pixel[]) => ({
  width: pixels.length,
  height: 1,
  data: Uint8Array.from(pixels.flat()),
});
const read = (...pixels: readonly Pixel[]) => {
  const { mask, note } = maskOf(picture(...pixels), 'mask.png');
  return { mask: Array.from(mask), note };
};

describe('what a mask means', () => {
  it('opaque: its lightness, without a note', () => {
    expect(read(WHITE, BLACK, [100, 100, 100, 255])).to.deep.equal({ mask: [255, 0, 100], note: undefined });
    expect(read([255, 0, 0, 255], [0, 255, 0, 255]).mask).to.deep.equal([76, 150]);
  });

  it('black and white with pixels that are not quite opaque: its lightness, with a note', () => {
    const { mask, note } = read(WHITE, BLACK, NEARLY, [255, 255, 255, 200]);
    expect(mask).to.deep.equal([255, 0, 0, 255]);
    expect(note).to.include('read by its colours');
  });

  it('strokes of white on a transparent layer draw the strokes', () => {
    const { mask, note } = read(CLEAR, WHITE, CLEAR, [255, 255, 255, 128]);
    expect(mask).to.deep.equal([0, 255, 0, 128]);
    expect(note).to.include('what is light is drawn');
  });

  it('all of one colour: what is transparent is drawn', () => {
    for (const pixels of [
      [BLACK, CLEAR, BLACK],
      [BLACK, CLEAR_WHITE, BLACK],
      [WHITE, CLEAR_WHITE, WHITE],
      [[90, 30, 20, 255], [92, 30, 20, 0], BLACK],
    ] as const) {
      const { mask, note } = read(...pixels);
      expect(mask).to.deep.equal([0, 255, 0]);
      expect(note).to.include('what is transparent is drawn');
    }
  });

  it('both colours and holes: refused, since they say different things', () => {
    for (const pixels of [
      [WHITE, BLACK, CLEAR],
      [WHITE, BLACK, CLEAR_WHITE],
      [CLEAR_WHITE, CLEAR, [0, 0, 0, 3]],
    ] as const)
      expect(() => read(...pixels)).to.throw(InputError, 'mask.png: both the colours and the transparency');
  });

  it('the same opacity everywhere says nothing', () => {
    const half = (grey: number): Pixel => [grey, grey, grey, 90];
    expect(read(half(255), half(0))).to.deep.equal({ mask: [255, 0], note: undefined });
    expect(read(CLEAR, CLEAR).mask).to.deep.equal([0, 0]);
  });
});

describe('masks of zeros and ones', () => {
  const mask = async (depth: number, values: readonly number[], colourType = 0) => {
    const samples = Uint8Array.from(
      depth === 16 ? values.flatMap((value) => [value >> 8, value & 255]) : values,
    );
    const bytes = rawPng({
      width: values.length,
      height: 1,
      depth,
      colourType,
      rows: unfilteredRows(1, samples),
    });
    const { picture: decoded, note } = await decodeMask(bytes, 'm.png');
    return { mask: Array.from(maskOf(decoded, 'm.png').mask), note };
  };

  it('are black and white, of 8 and of 16 bits, and say so', async () => {
    for (const depth of [8, 16]) {
      const { mask: values, note } = await mask(depth, [0, 1, 0]);
      expect(values, String(depth)).to.deep.equal([0, 255, 0]);
      expect(note).to.include('0 and 1');
    }
  });

  it('others are what they are', async () => {
    expect(await mask(8, [0, 1, 2])).to.deep.equal({ mask: [0, 1, 2], note: undefined });
    expect(await mask(8, [1, 1, 1])).to.deep.equal({ mask: [1, 1, 1], note: undefined });
    expect(await mask(8, [0, 0])).to.deep.equal({ mask: [0, 0], note: undefined });
    expect(await mask(16, [0, 2, 65_535])).to.deep.equal({ mask: [0, 0, 255], note: undefined });
    expect((await mask(16, [0, 257, 1])).note).to.equal(undefined);
  });
});

describe('feathering', () => {
  /** The mean over a square, straight from its definition. */
  function slowFeather(mask: Uint8Array, width: number, height: number, radius: number): readonly number[] {
    const clamp = (value: number, length: number) => Math.min(length - 1, Math.max(0, value));
    return Array.from(mask, (value, pixel) => {
      if (value === 0) return 0;
      let total = 0;
      for (let down = -radius; down <= radius; down++)
        for (let across = -radius; across <= radius; across++) {
          const row = clamp(Math.floor(pixel / width) + down, height);
          total += mask[row * width + clamp((pixel % width) + across, width)]!;
        }
      return Math.max(1, Math.round(Math.min(value, total / (2 * radius + 1) ** 2)));
    });
  }

  it('is the mean over a square, for every radius', () => {
    const mask = rectangleMask(13, 9, 3, 2, 13, 7).map((value, index) =>
      value === 0 ? 0 : value - (index % 50),
    );
    for (const radius of [1, 2, 5, 30])
      expect(Array.from(featherMask(mask, 13, 9, radius)), String(radius)).to.deep.equal(
        slowFeather(mask, 13, 9, radius),
      );
  });

  it('takes no longer for a large radius', () => {
    const mask = rectangleMask(1000, 1000, 100, 100, 900, 900);
    const before = process.cpuUsage();
    expect(featherMask(mask, 1000, 1000, 65_535)).to.have.length(1_000_000);
    const { user, system } = process.cpuUsage(before);
    expect(user + system).to.be.below(2_000_000);
  });
});
