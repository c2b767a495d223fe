/**
 * A loaded model that draws tokens or pictures, decodes and encodes on request (bench/compare.py):
 * `node dist/bench/compare/model.js FOLDER THREADS [PRECISION]`, then lines such as
 * `{"do": "tokens", "pictures": 1, "steps": 32, "guidance": 5}`.
 */
import { load, sample, sampleTokens } from '../../src/index.js';
import { answerLines, timed } from './answer.js';
import type { Precision } from './productsModel.js';
import { codesOf, vocabularyOf } from '../../src/codes.js';

interface Request {
  readonly do: 'tokens' | 'pictures' | 'decode' | 'encode';
  readonly pictures: number;
  readonly steps: number;
  readonly guidance: number;
}

/** So many pictures of different classes, drawn together. */
function drawing({ pictures, steps, guidance }: Request) {
  const classes = Array.from({ length: pictures }, (_, picture) => picture);
  return { classes, steps, guidance, seed: 1, batch: pictures };
}

const [folder = 'digits', threads = '2', precision] = process.argv.slice(2) as [string?, string?, Precision?];
const settings = {
  target: 'onnx',
  threads: Number(threads),
  ...(precision !== undefined && { precision }),
};
const model = await load(folder, settings);
const { factor } = model.tokenizer;
const { grid, codes } = model.facts;
const vocabulary = vocabularyOf(codes);
const tokens = Int32Array.from(
  { length: grid.height * grid.width },
  (_, place) => (place * 7919) % vocabulary,
);
const [width, height] = [grid.width * factor, grid.height * factor];
const image = {
  width,
  height,
  data: Uint8Array.from({ length: 3 * width * height }, (_, place) => (place * 31) % 256),
};

await answerLines<Request>((request) => {
  switch (request.do) {
    case 'tokens':
      return timed(() => sampleTokens(model, drawing(request)));
    case 'pictures':
      return timed(() => sample(model, drawing(request)));
    case 'decode':
      return timed(() => model.tokenizer.decode(codesOf(codes, grid, tokens)));
    case 'encode':
      return timed(() => model.tokenizer.encode(image));
  }
});
await model.dispose();
