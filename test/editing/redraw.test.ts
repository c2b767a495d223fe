import { join } from 'node:path';
import { expect } from 'chai';
import { classCondition } from '../../src/conditions/condition.js';
import { uniformFor } from '../../src/random/draws.js';
import { randomOrder } from '../../src/sampling/order.js';
import type { Sampler } from '../../src/sampling/sampler.js';
import { createSampler } from '../../src/systems/sampler.js';
import { openGenerator, openTokenizer } from '../../src/models/modelFolder.js';
import { splitPictures } from '../../src/data/imageStream.js';
import { DRAWN_FROM, featherMask } from '../../src/editing/canvas.js';
import { redraw, type RedrawOptions, redrawTokens, touchedPositions } from '../../src/editing/redraw.js';
import { planWindows } from '../../src/editing/windows.js';
import { InputError } from '../../src/errors.js';
import { encodePng } from '../../src/data/image.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import type { Target } from '../../src/targets/target.js';
import { createTokenizer, type Tokenizer } from '../../src/tokenizers/tokenizer.js';
import { writeEditableModel } from '../support/editableModel.js';
import { pattern, rectangleMask } from '../support/pngs.js';
import { pictureOf } from '../support/arpg.js';
import { temporaryFolder } from '../support/temporary.js';
import { indexCodes } from '../support/codes.js';

describe('redraw', () => {
  const temporary = temporaryFolder();
  let sampler: Sampler;
  let tokenizer: Tokenizer;
  /** Tokens of content that each call of the generator's graphs was fed, the class token among them. */
  const feeds: (readonly [graph: string, content: number])[] = [];
  const options: RedrawOptions = {
    ...{ seed: 3, guidance: 2, guidanceSchedule: 'linear', temperature: 1, topK: 0, topP: 1 },
    ...{ condition: classCondition(2), schedule: 'arccos', steps: 8, picture: 0 },
    orderOf: (window) => randomOrder(16, 3, window, 'redrawnOrder'),
  };

  before(async () => {
    const folder = join(temporary('model'));
    await writeEditableModel(folder);
    const target = onnxTarget({ threads: 2 });
    const watched: Target = {
      ...target,
      compile: async (graph, given) => {
        const executable = await target.compile(graph, given);
        return {
          run: (inputs, outputs) => {
            feeds.push([graph.name, inputs.content_ids!.shape[1]!]);
            return executable.run(inputs, outputs);
          },
          dispose: () => executable.dispose(),
        };
      },
    };
    sampler = createSampler(openGenerator(folder), watched);
    tokenizer = createTokenizer(openTokenizer(folder), target);
  });

  it('known tokens stay, enter in one go, and only touched ones are drawn', async () => {
    feeds.length = 0;
    const image = { width: 8, height: 8, data: pattern(8, 8, 3) };
    const mask = rectangleMask(8, 8, 3, 3, 5, 4);
    const { windows } = await redraw({ sampler, tokenizer }, { image, mask }, options);
    const [{ before, after, drawn }] = windows as [(typeof windows)[number]];
    // Pixels 3 and 4 of row 3 touch the second and third token of the second row.
    expect([...drawn].sort((a, b) => a - b)).to.deep.equal([5, 6]);
    expect([...before.tokens]).to.deep.equal([...(await tokenizer.encode(image)).tokens]);
    for (const [position, token] of after.tokens.entries())
      if (!drawn.includes(position)) expect(token).to.equal(before.tokens[position]);
    expect(after.tokens.every((token) => token >= 0 && token < 64)).to.equal(true);
    // The class token and the 14 that are known: the last is fed by the one step that draws the two others.
    expect(feeds).to.deep.equal([
      ['arpg-prefill', 14],
      ['arpg-step', 1],
    ]);
  });

  it('known tokens stay even where the sampler draws over them', async () => {
    const image = { width: 8, height: 8, data: pattern(8, 8, 3) };
    const mask = rectangleMask(8, 8, 3, 3, 5, 4);
    const careless: Sampler = { ...sampler, sample: async () => [indexCodes(new Int32Array(16).fill(63))] };
    const { windows } = await redraw({ sampler: careless, tokenizer }, { image, mask }, options);
    const [{ before, after }] = windows as [(typeof windows)[number]];
    expect([...after.tokens]).to.deep.equal(
      [...before.tokens].map((token, at) => (at === 5 || at === 6 ? 63 : token)),
    );
  });

  it('a masked part larger than a window is drawn from what is known outwards, each pixel once', async () => {
    const [width, height] = [30, 8];
    const image = { width, height, data: pattern(width, height, 3) };
    const mask = rectangleMask(width, height, 6, 0, 30, 8);
    const shares: number[] = [];
    const { windows } = await redraw(
      { sampler, tokenizer },
      { image, mask },
      { ...options, onProgress: (share) => shares.push(share) },
    );
    // Steps and windows, each of which is more than what was done before.
    expect(shares).to.deep.equal([...shares].sort((a, b) => a - b));
    expect(shares.length).to.be.above(2 * windows.length);
    expect([shares[0]! > 0, shares.at(-1)]).to.deep.equal([true, 1]);
    const lefts = windows.map(({ box }) => box.left);
    expect(lefts).to.deep.equal([...lefts].sort((a, b) => a - b));
    expect(windows.length).to.be.greaterThan(3);
    expect(windows.slice(1).every(({ drawn }) => drawn.length < 16)).to.equal(true);
  });

  it('noise in a mask draws nothing, opens no window and leaves its pixels bit for bit', async () => {
    const [width, height] = [24, 16];
    const image = { width, height, data: pattern(width, height, 3) };
    const clean = rectangleMask(width, height, 10, 6, 12, 8);
    const noisy = clean.map((value, pixel) => (value === 0 ? (pixel * 31) % DRAWN_FROM : value));
    const expected = await redraw({ sampler, tokenizer }, { image, mask: clean }, options);
    const result = await redraw({ sampler, tokenizer }, { image, mask: noisy }, options);
    expect(result.windows.map(({ box, drawn, after }) => ({ box, drawn, after }))).to.deep.equal(
      expected.windows.map(({ box, drawn, after }) => ({ box, drawn, after })),
    );
    for (const [pixel, share] of result.changed.entries()) {
      const [row, column] = [Math.floor(pixel / width), pixel % width];
      if (row < 5 || row >= 9 || column < 9 || column >= 13) expect(share, `${column},${row}`).to.equal(0);
      if (share === 0)
        expect(result.image.data.subarray(pixel * 3, pixel * 3 + 3)).to.deep.equal(
          image.data.subarray(pixel * 3, pixel * 3 + 3),
        );
    }
    const faint = clean.map((value) => Math.min(value, DRAWN_FROM - 1));
    const nothing = await redraw({ sampler, tokenizer }, { image, mask: faint }, options);
    expect([
      nothing.windows.length,
      Buffer.from(nothing.image.data).equals(Buffer.from(image.data)),
    ]).to.deep.equal([0, true]);
  });

  it('within a cell that is drawn, grey mixes; feathering changes no token, not even of thin strokes', async () => {
    const [width, height] = [8, 8];
    const image = { width, height, data: new Uint8Array(width * height * 3) };
    const mask = rectangleMask(width, height, 2, 2, 4, 4);
    mask[2 * width + 2] = 60;
    const { changed, windows } = await redraw({ sampler, tokenizer }, { image, mask }, options);
    expect([changed[2 * width + 2], changed[2 * width + 3], changed[0]]).to.deep.equal([60, 255, 0]);
    const thin = rectangleMask(width, height, 3, 0, 4, 8);
    const sharp = await redraw({ sampler, tokenizer }, { image, mask: thin }, options);
    const soft = await redraw({ sampler, tokenizer }, { image, mask: thin }, { ...options, feather: 3 });
    expect(soft.windows.map(({ after }) => after)).to.deep.equal(sharp.windows.map(({ after }) => after));
    expect(soft.changed[3]).to.be.within(1, DRAWN_FROM);
    expect(windows).to.have.length(1);
  });

  it('tokens drawn anew come back no more often with the seed of the picture than with another', async () => {
    const positions = Array.from({ length: 16 }, (_, position) => position);
    let [same, other, count] = [0, 0, 0];
    for (let seed = 0; seed < 40; seed++) {
      const own = { ...options, seed, temperature: 2, orderOf: () => positions, steps: 16 };
      const [drawn] = await sampler.sample([pictureOf(2, 0, positions)], own);
      const unknown = new Set(positions);
      const again = await redrawTokens(sampler, drawn!, unknown, 0, own);
      const different = await redrawTokens(sampler, drawn!, unknown, 0, { ...own, seed: seed + 1000 });
      count += 16;
      same += positions.filter((position) => again.tokens[position] === drawn!.tokens[position]).length;
      other += positions.filter((position) => different.tokens[position] === drawn!.tokens[position]).length;
    }
    expect(Math.abs(same - other) / count).to.be.below(0.08);
  });

  it('windows are centred on small parts as far as whole tokens allow, and stay inside the picture', () => {
    const windows = (left: number, top: number) => {
      const image = { width: 40, height: 20, data: new Uint8Array(40 * 20 * 3) };
      const mask = rectangleMask(40, 20, left, top, left + 4, top + 4);
      return [
        ...planWindows(touchedPositions({ image, mask }, 2), { columns: 20, rows: 10, width: 4, height: 4 }),
      ];
    };
    expect(windows(10, 8)).to.deep.equal([{ left: 4, top: 3, drawn: [5, 6, 9, 10] }]);
    expect(windows(0, 16)).to.deep.equal([{ left: 0, top: 6, drawn: [8, 9, 12, 13] }]);
    expect([...planWindows(new Set(), { columns: 20, rows: 10, width: 4, height: 4 })]).to.deep.equal([]);
  });

  for (const [columns, rows, side, keep] of [
    [75, 50, 4, 0.5],
    [75, 50, 4, 0.9],
    [75, 50, 4, 0.1],
    [75, 50, 4, 0],
    [9, 4, 4, 0.5],
    [23, 17, 16, 0.5],
    [4, 4, 4, 0],
  ] as const)
    it(`few windows cover what ${keep} of ${columns}×${rows} tokens leave, each once`, () => {
      const all = Array.from({ length: columns * rows }, (_, position) => position);
      const masked = new Set(all.filter((position) => uniformFor(1, 0, position, 'keep') >= keep));
      const windows = [...planWindows(masked, { columns, rows, width: side, height: side })];
      const drawn = windows.flatMap(({ left, top, drawn: own }) =>
        own.map((position) => (top + Math.floor(position / side)) * columns + left + (position % side)),
      );
      expect(drawn.toSorted((a, b) => a - b)).to.deep.equal([...masked]);
      for (const { left, top } of windows) {
        expect(left).to.be.within(0, columns - side);
        expect(top).to.be.within(0, rows - side);
      }
      // As many as side by side would cover the picture, or as half a window each would draw the mask.
      const tiles = Math.ceil(columns / side) * Math.ceil(rows / side);
      expect(windows.length).to.be.at.most(Math.max(tiles, Math.ceil(masked.size / (side ** 2 / 2))) * 1.25);
    });

  it('windows of large pictures are found in time that grows with their tokens', () => {
    const masked = new Set(Array.from({ length: 512 * 512 }, (_, position) => position));
    const started = performance.now();
    const windows = [...planWindows(masked, { columns: 512, rows: 512, width: 4, height: 4 })];
    expect(performance.now() - started).to.be.below(15_000);
    expect(windows.reduce((sum, { drawn }) => sum + drawn.length, 0)).to.equal(masked.size);
  });

  it('cells at the border that the picture cuts are drawn once, continued by its border, and no others', async () => {
    const [width, height] = [17, 9];
    const image = { width, height, data: pattern(width, height, 3) };
    const mask = rectangleMask(width, height, 14, 5, 17, 9);
    const {
      image: result,
      changed,
      windows,
    } = await redraw({ sampler, tokenizer }, { image, mask }, options);
    expect([result.width, result.height]).to.deep.equal([width, height]);
    expect(windows.map(({ box }) => box)).to.deep.equal([{ left: 10, top: 2, width: 8, height: 8 }]);
    expect(windows[0]!.drawn.toSorted((a, b) => a - b)).to.deep.equal([6, 7, 10, 11, 14, 15]);
    for (const [pixel, share] of changed.entries()) {
      expect(share).to.equal(mask[pixel]);
      if (share === 0)
        expect(result.data.subarray(pixel * 3, pixel * 3 + 3)).to.deep.equal(
          image.data.subarray(pixel * 3, pixel * 3 + 3),
        );
    }
  });

  it('a feathered mask falls off inside and is nothing outside', () => {
    const mask = rectangleMask(20, 1, 5, 0, 20, 1);
    const soft = Array.from(featherMask(mask, 20, 1, 2));
    expect(soft.slice(0, 5)).to.deep.equal([0, 0, 0, 0, 0]);
    expect(soft.slice(5, 9)).to.deep.equal([153, 204, 255, 255]);
    expect(featherMask(mask, 20, 1, 0)).to.equal(mask);
  });
});

describe('several pictures on one stream', () => {
  const png = (width: number) => encodePng({ width, height: 1, data: pattern(width, 1, 3) });

  it('PNGs one after another and JSON lines', () => {
    const both = splitPictures(Buffer.concat([png(2), png(3)]), 'stdin');
    expect(both.map(({ bytes }) => Buffer.from(bytes))).to.deep.equal(
      [png(2), png(3)].map((bytes) => Buffer.from(bytes)),
    );
    expect(both[1]!.source).to.equal('stdin: picture 2');
    expect(splitPictures(png(2), 'one.png')).to.deep.equal([{ bytes: png(2), source: 'one.png' }]);
    const line = JSON.stringify({ image: Buffer.from(png(4)).toString('base64'), name: 'x' });
    const lines = splitPictures(Buffer.from(`${line}\n\n${line}\n`), 'stdin');
    expect(lines.map(({ source }) => source)).to.deep.equal(['stdin: line 1', 'stdin: line 3']);
    expect(Buffer.from(lines[0]!.bytes).equals(Buffer.from(png(4)))).to.equal(true);
    for (const blank of ['\n', '\r\n \t\r\n', '\uFEFF\n'])
      expect(splitPictures(Buffer.from(`${blank}${line}\n`), 'stdin')).to.have.length(1);
  });

  it('JSON lines that nest deeply or name a field twice are refused by the line', () => {
    const deep = `{"image":"AAAA","x":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
    for (const line of [deep, '{"image":"AAAA","image":"BBBB"}', '{"image":'])
      expect(() => splitPictures(new TextEncoder().encode(`\n${line}\n`), 'stdin')).to.throw(
        InputError,
        'stdin: line 2',
      );
  });

  it('say where something else begins', () => {
    expect(() => splitPictures(Buffer.concat([png(2), Buffer.from('junk')]), 'stdin')).to.throw(
      InputError,
      'stdin: after picture 1 comes something that is no PNG',
    );
    expect(() => splitPictures(Buffer.from('{"image": 3}'), 'stdin')).to.throw(
      InputError,
      "line 1: field 'image'",
    );
    expect(() => splitPictures(Buffer.from('{nothing'), 'stdin')).to.throw(
      InputError,
      'line 1: not valid JSON',
    );
  });
});
