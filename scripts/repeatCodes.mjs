// A VQ tokenizer with a larger codebook to go on training from: each code several times, all moved a little at random and
// of unit length: `node scripts/repeatCodes.mjs MODEL TIMES OUT` (after `npm run build`).
import process from 'node:process';
import { readFloats, storedFloats } from '../dist/src/graph/weights.js';
import { openTokenizer, writeModelFolder } from '../dist/src/models/modelFolder.js';
import { normalsFor } from '../dist/src/random/normals.js';

const [model, times, out] = process.argv.slice(2);
if (out === undefined) {
  process.stderr.write('usage: node scripts/repeatCodes.mjs MODEL TIMES OUT\n');
  process.exit(2);
}
const CODES = 'quantize.embedding.weight';
/** Standard deviation of what is added to each number of a code of length 1. */
const NOISE = 0.08;
const SEED = 1;

const { kind, config, weights } = openTokenizer(model);
const [count, size] = weights.get(CODES).shape;
const codes = readFloats(weights.get(CODES));
const unit = (vector) => {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
};
const repeated = Array.from({ length: Number(times) * count }, (_, row) => {
  const code = unit([...codes.subarray((row % count) * size, (row % count) * size + size)]);
  const noise = normalsFor(SEED, row, 0, 'initialWeights', 0, size);
  return unit(code.map((value, place) => value + NOISE * noise[place]));
});
const codebook = storedFloats([repeated.length, size], Float32Array.from(repeated.flat()));
await writeModelFolder(out, {
  tokenizer: {
    kind,
    config: { ...config, codebook_size: repeated.length },
    weights: new Map([...weights, [CODES, codebook]]),
  },
});
