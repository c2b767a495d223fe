/**
 * Held-out digits with their lower half masked, completed by the digits model: how many the classifier still
 * recognises, against filling the half with random tokens and against sampling it in raster order; and the time of
 * drawing a quarter of the tokens against drawing all. `node dist/bench/inpainting.js [IMAGES]`
 */
import { classCondition, NO_CONDITION } from '../src/conditions/condition.js';
import { randomOrder, rasterOrder } from '../src/sampling/order.js';
import { uniformFor } from '../src/random/draws.js';
import { createSampler } from '../src/systems/sampler.js';
import { openGenerator } from '../src/models/modelFolder.js';
import { openImageSource } from '../src/data/imageSource.js';
import { type RedrawOptions, redrawTokens } from '../src/editing/redraw.js';
import { onnxTarget } from '../src/targets/onnx/onnxTarget.js';
import {
  classifyDigits,
  defaultSampling,
  DIGITS_MODEL,
  HELD_OUT_DIGITS,
  loadImages,
  openShippedTokenizer,
} from '../test/support/modelMetrics.js';
import { type Codes, codesOf, vocabularyOf } from '../src/codes.js';

const count = Number(process.argv[2] ?? 200);
const source = await openImageSource(HELD_OUT_DIGITS);
const tokenizer = openShippedTokenizer(DIGITS_MODEL);
const images = (await loadImages(source, tokenizer.facts.imageSize)).slice(0, count);
const generator = openGenerator(DIGITS_MODEL);
const { grid, codes: shape } = generator.system.config.facts(generator.config);
const vocabulary = vocabularyOf(shape);
const sampler = createSampler(generator, onnxTarget({ threads: 2 }));
const positions = grid.height * grid.width;
const side = grid.width;
const lowerHalf = new Set(
  rasterOrder(positions).filter((position) => position >= Math.floor(side / 2) * side),
);
const encoded = await tokenizer.encodeMany(images);

const own = defaultSampling(DIGITS_MODEL);
const options = (index: number, order: readonly number[] | undefined): RedrawOptions => ({
  ...own,
  condition: classCondition(source.classOf(index)),
  steps: positions,
  orderOf: (window) => order ?? randomOrder(positions, own.seed, window, 'redrawnOrder'),
  picture: 0,
});

type Completion = (codes: Codes, index: number) => Promise<Codes>;
const completions: Readonly<Record<string, Completion>> = {
  'nothing masked': async (codes) => codes,
  'random order': (codes, index) => redrawTokens(sampler, codes, lowerHalf, index, options(index, undefined)),
  'random order, no class': (codes, index) =>
    redrawTokens(sampler, codes, lowerHalf, index, {
      ...options(index, undefined),
      condition: NO_CONDITION,
      guidance: 1,
    }),
  'raster order': (codes, index) =>
    redrawTokens(sampler, codes, lowerHalf, index, options(index, rasterOrder(positions))),
  'random tokens': async ({ tokens }, index) =>
    codesOf(
      shape,
      grid,
      tokens.map((token, position) =>
        lowerHalf.has(position) ? Math.floor(uniformFor(1, index, position, 'token') * vocabulary) : token,
      ),
    ),
};
for (const [name, complete] of Object.entries(completions)) {
  const completed = [];
  for (const [index, codes] of encoded.entries())
    completed.push(await tokenizer.decode(await complete(codes, index)));
  const found = await classifyDigits(completed);
  const right = found.filter((classId, index) => classId === source.classOf(index)).length;
  process.stdout.write(`${name}: ${((100 * right) / count).toFixed(1)} % recognised\n`);
}

async function milliseconds(unknown: ReadonlySet<number>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 10; round++) {
    const started = performance.now();
    await redrawTokens(sampler, encoded[0]!, unknown, 0, options(0, undefined));
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b)[5]!;
}

const quarter = new Set(rasterOrder(positions).slice(0, Math.round(positions / 4)));
const [part, all] = [await milliseconds(quarter), await milliseconds(new Set(rasterOrder(positions)))];
process.stdout.write(
  `a quarter of the tokens: ${part.toFixed(1)} ms, all: ${all.toFixed(1)} ms, ratio ${(part / all).toFixed(2)}\n`,
);
