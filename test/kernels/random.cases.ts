import { expect } from 'chai';
import * as op from '../../src/dsl/index.js';
import { philox, wordToUniform } from '../../src/random/philox.js';
import { intTensor } from '../../src/targets/target.js';
import { describeConformance, floats } from '../support/conformance.js';
import { interpret } from '../support/interpret.js';

const key = intTensor([6], op.wordHalves([3295941035, 2 ** 24 + 1, 2 ** 31 + 77]));
const places = intTensor([3, 4], op.wordHalves([0, 7, 2 ** 32 - 1, 5, 0, 2 ** 24 + 3]));

describeConformance(
  'rowUniform',
  [
    {
      name: 'words that no float32 holds',
      inputs: [key, places],
      build: (words, rows) => op.rowUniform(words, rows, 6),
    },
    {
      name: 'symbolic',
      inputs: [key, places, floats([3, 1])],
      shapes: [undefined, [op.dim('rows'), 4], [op.dim('rows'), 1]],
      build: (words, rows, x) => op.multiply(x, op.rowUniform(words, rows, 4)),
    },
    {
      name: 'no rows',
      inputs: [key, intTensor([0, 4], [])],
      build: (words, rows) => op.rowUniform(words, rows, 5),
    },
  ],
  0,
);

describeConformance('randomNormal', [
  { name: 'pairs', inputs: [key, places], build: (words, rows) => op.randomNormal(words, rows, 16) },
  {
    name: 'symbolic, odd',
    inputs: [key, places],
    shapes: [undefined, [op.dim('rows'), 4]],
    build: (words, rows) => op.randomNormal(words, rows, 7),
  },
  {
    name: 'no rows',
    inputs: [key, intTensor([0, 4], [])],
    build: (words, rows) => op.randomNormal(words, rows, 4),
  },
]);

/** The rows of a function of key and places. */
function rowsOf(
  build: (key: op.Tensor, places: op.Tensor) => op.Tensor,
  words: readonly (readonly number[])[],
) {
  const inputs = [op.input('key', 'i32', [6]), op.input('places', 'i32', [words.length, 4])] as const;
  const graph = op.makeGraph('rows', inputs, { y: build(...inputs) });
  const { y } = interpret(graph, { key, places: intTensor([words.length, 4], op.wordHalves(words.flat())) });
  const width = y!.data.length / words.length;
  return words.map((_, row) => Array.from(y!.data.slice(row * width, (row + 1) * width)));
}

describe('rowUniform', () => {
  it('gives the numbers of Philox, whose counter a row says', () => {
    const [row] = rowsOf((words, rows) => op.rowUniform(words, rows, 6), [[9, 2 ** 32 - 2]]);
    const blocks = [0, 1].flatMap((block) =>
      philox([block, 9, 2 ** 32 - 2, 2 ** 31 + 77], [3295941035, 2 ** 24 + 1]),
    );
    expect(row).to.deep.equal(blocks.slice(0, 6).map(wordToUniform));
  });
});

describe('randomNormal', () => {
  const normals = (words: readonly (readonly number[])[], width: number) =>
    rowsOf((own, rows) => op.randomNormal(own, rows, width), words);

  it('gives a row the same numbers whatever stands beside it', () => {
    const [alone] = normals([[4, 2]], 5);
    const [, beside] = normals(
      [
        [3, 2],
        [4, 2],
        [4, 3],
      ],
      5,
    );
    expect(beside).to.deep.equal(alone);
  });

  it('has the moments of a standard normal distribution', () => {
    const places = Array.from({ length: 400 }, (_, row) => [row, 1]);
    const values = normals(places, 51).flat();
    const mean = (power: number) => values.reduce((sum, x) => sum + x ** power, 0) / values.length;
    expect(values).to.have.length(400 * 51);
    expect(mean(1)).to.be.closeTo(0, 0.03);
    expect(mean(2)).to.be.closeTo(1, 0.04);
    expect(mean(3)).to.be.closeTo(0, 0.1);
    expect(mean(4)).to.be.closeTo(3, 0.25);
    // Neighbours come from the same two uniform numbers, and are independent all the same.
    const products = values.slice(1).map((x, index) => x * values[index]!);
    expect(products.reduce((sum, x) => sum + x, 0) / products.length).to.be.closeTo(0, 0.03);
  });
});
