// A model without the codes of its tokenizer that none of the pictures has which it was trained on; what is left is
// numbered anew: `node scripts/dropUnusedCodes.mjs MODEL PICTURES OUT` (after `npm run build`; ARPG with a VQ tokenizer).
import process from 'node:process';
import { arpgNetwork } from '../dist/src/systems/arpg.js';
import { embeddingRows } from '../dist/graphs/arpg.js';
import { load } from '../dist/src/library/model.js';
import { openImageSource } from '../dist/src/data/imageSource.js';
import { readFloats, storedFloats } from '../dist/src/graph/weights.js';
import { openGenerator, openTokenizer, writeModelFolder } from '../dist/src/models/modelFolder.js';
import { augmentImage, NO_AUGMENTATION } from '../dist/src/training/augment.js';

const [folder, pictures, out] = process.argv.slice(2);
if (out === undefined) {
  process.stderr.write('usage: node scripts/dropUnusedCodes.mjs MODEL PICTURES OUT\n');
  process.exit(2);
}

const model = await load(folder, { target: 'onnx' });
const { imageSize } = model.tokenizer.facts;
const source = await openImageSource(pictures);
const found = new Set();
for (let index = 0; index < source.count; index++) {
  const image = await augmentImage(await source.image(index), imageSize, NO_AUGMENTATION, 0, 0);
  for (const code of (await model.tokenizer.encode(image)).tokens) found.add(code);
}
await model.dispose();
const used = [...found].sort((a, b) => a - b);

/** Some rows of a table, in this order. */
function rowsOf(tensor, rows) {
  const [, size] = tensor.shape;
  const values = readFloats(tensor);
  const chosen = Float32Array.from(rows.flatMap((row) => [...values.subarray(row * size, (row + 1) * size)]));
  return storedFloats([rows.length, size], chosen);
}

function withRows(weights, name, rows) {
  return new Map([...weights, [name, rowsOf(weights.get(name), rows)]]);
}

const generator = openGenerator(folder);
const tokenizer = openTokenizer(folder);
const network = arpgNetwork(generator.config);
const others = Array.from(
  { length: embeddingRows.count(network) - network.vocabularySize },
  (_, row) => network.vocabularySize + row,
);
await writeModelFolder(out, {
  generator: {
    ...generator,
    config: { ...generator.config, vocab_size: used.length },
    weights: withRows(
      withRows(generator.weights, 'embeddings.weight', [...used, ...others]),
      'head.weight',
      used,
    ),
  },
  tokenizer: {
    ...tokenizer,
    config: { ...tokenizer.config, codebook_size: used.length },
    weights: withRows(tokenizer.weights, 'quantize.embedding.weight', used),
  },
});
process.stderr.write(`${used.length} of ${network.vocabularySize} codes are left\n`);
