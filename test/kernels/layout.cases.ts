import { expect } from 'chai';
import * as op from '../../src/dsl/index.js';
import { interpret } from '../support/interpret.js';
import { TargetError } from '../../src/errors.js';
import { GraphError } from '../../src/graph/graphError.js';
import { philox, wordToUniform } from '../../src/random/philox.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { floatTensor, type HostTensor, intTensor } from '../../src/targets/target.js';
import { describeConformance, floats, ints, TESTED_TARGETS } from '../support/conformance.js';

const [batch, width] = ['batch', 'width'].map(op.dim) as [op.Dim, op.Dim];
const table = floatTensor([2, 3], [1, 2, 3, 4, 5, 6]);

describeConformance('reshape', [
  {
    name: 'infers one size',
    inputs: [table],
    build: (x) => op.reshape(x, [3, -1]),
    expected: [1, 2, 3, 4, 5, 6],
  },
  {
    name: 'symbolic',
    inputs: [floats([3, 4, 10])],
    shapes: [[batch, width, 10]],
    build: (x) => op.reshape(x, [batch, op.multiplyDims(width, 2), 5]),
  },
  {
    name: 'no elements',
    inputs: [floats([0, 4])],
    shapes: [[batch, 4]],
    build: (x) => op.reshape(x, [batch, 2, 2]),
  },
]);

describeConformance('transpose', [
  { name: 'by hand', inputs: [table], build: (x) => op.transpose(x, [1, 0]), expected: [1, 4, 2, 5, 3, 6] },
  {
    name: 'twice',
    inputs: [floats([2, 3, 4])],
    build: (x) => op.transpose(op.transpose(x, [2, 0, 1]), [1, 2, 0]),
  },
  {
    name: 'four axes',
    inputs: [floats([2, 3, 4, 5])],
    shapes: [[batch, width, 4, 5]],
    build: (x) => op.transpose(x, [0, 2, 1, 3]),
  },
]);

describeConformance('broadcastTo', [
  {
    name: 'by hand',
    inputs: [floatTensor([2, 1], [1, 2])],
    build: (x) => op.broadcastTo(x, [2, 2]),
    expected: [1, 1, 2, 2],
  },
  {
    name: 'to symbolic',
    inputs: [floats([1, 3]), floats([5, 2], 2)],
    shapes: [undefined, [batch, 2]],
    build: (x) => op.broadcastTo(x, [batch, 2, 3]),
  },
]);

describeConformance('concat', [
  {
    name: 'columns',
    inputs: [floatTensor([2, 1], [1, 2]), table],
    build: (...x) => op.concat(x, -1),
    expected: [1, 1, 2, 3, 2, 4, 5, 6],
  },
  {
    name: 'empty past',
    inputs: [floats([2, 0, 3]), floats([2, 4, 3])],
    shapes: [
      [batch, width, 3],
      [batch, 4, 3],
    ],
    build: (...x) => op.concat(x, 1),
  },
]);

describeConformance('slice', [
  {
    name: 'columns',
    inputs: [table],
    build: (x) => op.slice(x, { axis: 1, start: 1, length: 2 }),
    expected: [2, 3, 5, 6],
  },
  {
    name: 'symbolic end',
    inputs: [floats([7, 2])],
    shapes: [[width, 2]],
    build: (x) => op.slice(x, { axis: 0, start: 3, length: op.subtractDims(width, 3) }),
  },
  {
    name: 'the rest of a symbolic axis is left out',
    inputs: [floats([4, 2], 5)],
    shapes: [[width, 2]],
    build: (x) => op.slice(op.concat([x, x], 0), { axis: 0, start: 1, length: width }),
  },
  { name: 'nothing', inputs: [table], build: (x) => op.slice(x, { axis: 0, start: 2, length: 0 }) },
]);

describeConformance('pad', [
  {
    name: 'by hand',
    inputs: [floatTensor([1, 2], [1, 2])],
    build: (x) => op.pad(x, [1, 0], [0, 1], 9),
    expected: [9, 9, 9, 1, 2, 9],
  },
  {
    name: 'symbolic',
    inputs: [floats([2, 3])],
    shapes: [[batch, width]],
    build: (x) => op.pad(x, [0, 2], [1, 1]),
  },
]);

describeConformance('stopGradient', [
  {
    name: 'the tensor itself',
    inputs: [table],
    build: (x) => op.stopGradient(x),
    expected: [1, 2, 3, 4, 5, 6],
    noGradient: 'there is none, which is the point',
  },
]);

describeConformance('after', [
  {
    name: 'the tensor itself',
    inputs: [table, floatTensor([2], [7, 8])],
    build: (x, other) => op.after(op.multiply(x, 2), other),
    expected: [2, 4, 6, 8, 10, 12],
  },
]);

describeConformance('embedding', [
  {
    name: 'rows',
    inputs: [floatTensor([3, 2], [1, 2, 3, 4, 5, 6]), intTensor([2], [2, 0])],
    build: op.embedding,
    expected: [5, 6, 1, 2],
  },
  {
    name: 'symbolic ids',
    inputs: [floats([11, 3]), ints([2, 5], 11)],
    shapes: [undefined, [batch, width]],
    build: op.embedding,
  },
]);

describeConformance('gather', [
  {
    name: 'one of each row',
    inputs: [table, intTensor([2, 1], [2, 0])],
    build: (x, i) => op.gather(x, i),
    expected: [3, 4],
  },
  { name: 'first axis', inputs: [floats([5, 4]), ints([3, 4], 5)], build: (x, i) => op.gather(x, i, 0) },
]);

describeConformance('scatter', [
  {
    name: 'replaces',
    inputs: [table, intTensor([2, 1], [2, 0]), floatTensor([2, 1], [9, 8])],
    build: (x, i, u) => op.scatter(x, i, u),
    expected: [1, 2, 9, 8, 5, 6],
  },
  {
    name: 'adds to one place twice',
    inputs: [table, intTensor([2, 2], [1, 1, 0, 2]), floatTensor([2, 2], [1, 2, 3, 4])],
    build: (x, i, u) => op.scatter(x, i, u, { combine: 'add' }),
    expected: [1, 5, 3, 7, 5, 10],
  },
  {
    name: 'first axis',
    inputs: [floats([5, 3]), ints([4, 3], 5), floats([4, 3], 2)],
    build: (x, i, u) => op.scatter(x, i, u, { axis: 0, combine: 'add' }),
  },
]);

describeConformance('iota', [
  { name: 'from 3', inputs: [], build: () => op.iota(4, 3), expected: [3, 4, 5, 6] },
  {
    name: 'symbolic',
    inputs: [floats([6, 2])],
    shapes: [[width, 2]],
    build: (x) => op.add(x, op.reshape(op.cast(op.iota(width, 1), 'f32'), [width, 1])),
  },
]);

describeConformance(
  'randomUniform',
  [
    {
      name: 'same numbers everywhere',
      inputs: [intTensor([8], op.wordHalves([123, -7, 5, 1]))],
      build: (key) => op.randomUniform(key, [3, 7]),
    },
    {
      name: 'symbolic',
      inputs: [intTensor([8], op.wordHalves([1, 2, 3, 4])), floats([5, 2])],
      shapes: [undefined, [batch, 2]],
      build: (key, x) => op.multiply(x, op.randomUniform(key, [batch, 2])),
    },
    {
      name: 'words that no float32 holds',
      inputs: [intTensor([8], op.wordHalves([3295941035, 2 ** 24 + 1, 2 ** 32 - 1, 2 ** 31 + 77]))],
      build: (key) => op.randomUniform(key, [9]),
    },
    {
      name: 'a part of a larger shape',
      inputs: [intTensor([8], op.wordHalves([123, -7, 5, 1]))],
      build: (key) => op.randomUniform(key, [2, 7], 7),
    },
    {
      name: 'a symbolic part',
      inputs: [intTensor([8], op.wordHalves([1, 2, 3, 4])), floats([5, 3])],
      shapes: [undefined, [5, width]],
      build: (key, x) => op.multiply(x, op.randomUniform(key, [5, width], op.multiplyDims(3, width))),
    },
  ],
  0,
);

describe('randomUniform', () => {
  it('gives the numbers of Philox, whose key is four words', () => {
    const key = op.input('key', 'i32', [8]);
    const graph = op.makeGraph('uniform', [key], { y: op.randomUniform(key, [6]) });
    const words = [3295941035, 4, 2 ** 24 + 1, 2 ** 31] as const;
    const { y } = interpret(graph, { key: intTensor([8], op.wordHalves(words)) });
    const blocks = [0, 1].flatMap((block) => philox([block, 0, words[2], words[3]], [words[0], words[1]]));
    expect(Array.from(y!.data)).to.deep.equal(blocks.slice(0, 6).map(wordToUniform));
  });

  it('gives a part of a shape the numbers that it has in the whole', () => {
    const key = op.input('key', 'i32', [8]);
    const graph = op.makeGraph('uniform', [key], {
      whole: op.randomUniform(key, [5, 7]),
      part: op.randomUniform(key, [2, 7], 3 * 7),
    });
    const { whole, part } = interpret(graph, { key: intTensor([8], op.wordHalves([1, 2, 3, 4])) });
    expect(Array.from(part!.data)).to.deep.equal(Array.from(whole!.data).slice(21));
  });

  it('covers [0, 1) evenly', () => {
    const key = op.input('key', 'i32', [8]);
    const graph = op.makeGraph('uniform', [key], { y: op.randomUniform(key, [10000]) });
    const { y } = interpret(graph, { key: intTensor([8], op.wordHalves([42, 0, 0, 0])) });
    const values = Array.from(y!.data);
    expect(Math.min(...values)).to.be.within(0, 0.001);
    expect(Math.max(...values)).to.be.within(0.999, 1 - 2 ** -24);
    expect(values.reduce((sum, x) => sum + x, 0) / values.length).to.be.closeTo(0.5, 0.01);
  });
});

describe('index out of range', () => {
  const operations = {
    embedding: op.embedding,
    gather: (x: op.Tensor, i: op.Tensor) => op.gather(x, i),
    scatter: (x: op.Tensor, i: op.Tensor) => op.scatter(x, i, op.scatter(x, i, x)),
    crossEntropy: (x: op.Tensor, i: op.Tensor) =>
      op.crossEntropy(x, op.reshape(op.slice(i, { axis: 1, start: 0, length: 1 }), [2])),
  };
  for (const [name, build] of Object.entries(operations)) {
    const x = op.input('x', 'f32', [2, 2]);
    const i = op.input('i', 'i32', [2, 2]);
    const graph = op.makeGraph('bad', [x, i], { y: build(x, i) });
    for (const wrong of [2, -1]) {
      const inputs = { x: floats([2, 2]), i: intTensor([2, 2], [wrong, 0, 1, 0]) };
      it(`${name} names ${wrong} in the float64 interpreter`, () => {
        expect(() => interpret(graph, inputs))
          .to.throw(RangeError, `${name}: `)
          .with.property('message')
          .that.includes(`${wrong} of 2`);
      });
      for (const target of [referenceTarget, ...TESTED_TARGETS])
        it(`${name} names ${wrong} and its input on ${target.name}`, async () => {
          const executable = await target.compile(graph);
          const failure = await executable.run(inputs).catch((error: unknown) => error);
          await executable.dispose();
          expect(failure).to.be.instanceOf(GraphError);
          expect((failure as Error).message).to.equal(
            `${name}: index ${wrong} of 2 does not exist (input 'i')`,
          );
        });
    }
  }

  for (const target of TESTED_TARGETS.filter(({ name }) => name.startsWith('gpujs')))
    it(`what is picked by a computed index that does not exist is not a number on ${target.name}`, async () => {
      const x = op.input('x', 'f32', [2, 2]);
      const i = op.input('i', 'i32', [2, 2]);
      const far = op.add(i, 1);
      const graph = op.makeGraph('bad', [x, i], { rows: op.embedding(x, far), picked: op.gather(x, far) });
      const executable = await target.compile(graph);
      const { rows, picked } = await executable.run({
        x: floatTensor([2, 2], [1, 2, 3, 4]),
        i: intTensor([2, 2], [-1, 1, 0, -2]),
      });
      expect(Array.from((await rows!.read()).data)).to.deep.equal([1, 2, NaN, NaN, 3, 4, NaN, NaN]);
      expect(Array.from((await picked!.read()).data)).to.deep.equal([1, NaN, 4, NaN]);
      await executable.dispose();
    });
});

describe('integers in float32', () => {
  for (const target of TESTED_TARGETS.filter(({ name }) => name.startsWith('gpujs'))) {
    const refusal = async (
      graph: op.Graph,
      inputs: Readonly<Record<string, HostTensor>>,
    ): Promise<string> => {
      const executable = await target.compile(graph);
      try {
        const { y } = await executable.run(inputs);
        const { data } = await y!.read();
        return `gave ${data.join()}`;
      } catch (error) {
        expect(error).to.be.instanceOf(TargetError);
        return (error as Error).message;
      } finally {
        await executable.dispose();
      }
    };

    it(`those that ${target.name} would round are refused, wherever they come from`, async () => {
      const i = op.input('i', 'i32', [2]);
      const sum = op.makeGraph('sum', [i], { y: op.add(i, 1) });
      const large = 2 ** 24 + 1;
      expect(await refusal(sum, { i: intTensor([2], [3, large]) })).to.include(
        `input 'i' holds the integer ${large}`,
      );
      expect(await refusal(sum, { i: intTensor([2], [3, -(2 ** 31)]) })).to.include(
        "input 'i' holds the integer",
      );
      expect(await refusal(sum, { i: intTensor([2], [3, 2 ** 24 - 1]) })).to.include(
        'a result holds the integer 16777216',
      );
      expect(await refusal(sum, { i: intTensor([2], [3, 2 ** 24 - 2]) })).to.equal('gave 4,16777215');
      for (const constant of [op.constant('i32', [], [large]), op.constant('i32', [2], [1, large])]) {
        const graph = op.makeGraph('constant', [i], { y: op.add(op.multiply(i, 0), constant) });
        expect(await refusal(graph, { i: intTensor([2], [1, 2]) })).to.include(
          `a constant holds the integer ${large}`,
        );
      }
      const n = op.dim('n');
      const x = op.input('x', 'i32', [n]);
      const counting = op.makeGraph('counting', [x], { y: op.add(x, op.iota(n, 2 ** 24)) });
      expect(await refusal(counting, { x: intTensor([2], [1, 2]) })).to.include('float32 tells apart');
    });

    it(`more positions than ${target.name} can count are refused`, async () => {
      const n = op.dim('n');
      const x = op.input('x', 'f32', [n, 2049]);
      const flat = op.multiply(op.reshape(x, [op.multiplyDims(n, 2049)]), 2);
      const graph = op.makeGraph('wide', [x], { y: flat });
      const rows = 4096;
      const message = await refusal(graph, {
        x: floatTensor([rows, 2049], new Float32Array(rows * 2049)),
      });
      expect(message).to.include('more positions than the 2^23');
    });
  }
});
